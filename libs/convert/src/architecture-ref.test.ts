import { listZoo, readArchitecture, validateArchitecture, writeGenotype, writeJson, zooArchitecture } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
import { placementFromWire, placementToWire } from './placement.ts';
import { architectureFromRef, architectureToRef, evaluableRef, refOfText, resolveArchitecture } from './architecture-ref.ts';

const nameless = ({ name: _, ...rest }: { readonly name?: string }): unknown => rest;

describe('architectures on the wire', () => {
  it.each(listZoo().map(({ name }) => name))('%s survives the way there and back, as spec and as reference', (name) => {
    const architecture = listZoo()
      .find((entry) => entry.name === name)!
      .architecture();
    const spec = wire.ArchitectureSpec.decode(wire.ArchitectureSpec.encode(architectureToSpec(architecture)).finish());
    expect(architectureFromSpec(spec, 'spec', name)).toEqual(architecture);
    const ref = wire.ArchitectureRef.decode(wire.ArchitectureRef.encode(architectureToRef(architecture)).finish());
    const back = architectureFromRef(ref, 'ref');
    validateArchitecture(back, 'ref');
    expect(nameless(back)).toEqual(nameless(architecture));
  });

  it('names the field that is wrong', () => {
    const spec = architectureToSpec(listZoo()[0]!.architecture());
    spec.cells[0]!.edges[3]!.to = 0;
    expect(() => architectureFromRef({ ref: { $case: 'spec', value: spec } }, 'source')).toThrow(
      expect.objectContaining({
        kind: 'INVALID_ARGUMENT',
        violations: expect.arrayContaining([expect.objectContaining({ field: expect.stringContaining('source.spec.cells[0].edges[3]') as string })]) as unknown,
      }),
    );
    expect(() => architectureFromRef({ ref: undefined }, 'source')).toThrow(expect.objectContaining({ reason: 'NO_ARCHITECTURE' }));
  });

  it('names fields as the contract does', () => {
    const fieldsOf = (change: (spec: wire.ArchitectureSpec) => void, zoo = 'DARTS'): readonly string[] => {
      const spec = architectureToSpec(zooArchitecture(zoo));
      change(spec);
      try {
        architectureFromRef({ ref: { $case: 'spec', value: spec } }, 'source');
      } catch (error) {
        if (isDomainError(error)) return error.violations.map(({ field }) => field);
        throw error;
      }
      return [];
    };
    const operation = (value: wire.Edge['operation']) => (spec: wire.ArchitectureSpec) => (spec.cells[0]!.edges[2]!.operation = value);
    const edge = 'source.spec.cells[0].edges[2]';
    expect(fieldsOf(operation({ $case: 'primitive', value: { name: 'conv_17x17', activation: 'ACTIVATION_UNSPECIFIED' } }))).toContain(
      `${edge}.primitive.name`,
    );
    expect(fieldsOf(operation({ $case: 'fixed', value: { name: 'imported', params: 0.5, macs: 0 } }))).toContain(`${edge}.fixed.params`);
    expect(fieldsOf((spec) => (spec.cells[1]!.output = { $case: 'concat', value: { nodes: [2, 2] } }))).toContain('source.spec.cells[1].concat.nodes[1]');
    expect(fieldsOf((spec) => (spec.cells[0]!.edges[0]!.channels = { inChannels: 0, outChannels: 4 }), 'resnet20')).toContain(
      'source.spec.cells[0].edges[0].channels.in_channels',
    );
    expect(fieldsOf((spec) => spec.skeleton?.$case === 'explicitSkeleton' && (spec.skeleton.value.imageSize = { height: 0, width: 32 }), 'resnet20')).toContain(
      'source.spec.explicit_skeleton.image_size.height',
    );
  });

  it('reads resource names only through a look-up', async () => {
    const source: wire.ArchitectureRef = { ref: { $case: 'architecture', value: 'namespaces/default/architectures/a' } };
    await expect(resolveArchitecture(source, 'source')).rejects.toMatchObject({ reason: 'RESOURCE_NAME_NOT_READ' });
    const darts = listZoo()[0]!.architecture();
    expect(await resolveArchitecture(source, 'source', () => Promise.resolve(darts))).toBe(darts);
  });

  it('tells texts apart, and sends workers no JSON', () => {
    const json = writeJson(zooArchitecture('resnet20'));
    const texts = ['DARTS', ' |nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|\n', writeGenotype(zooArchitecture('DARTS')), json];
    expect(texts.map((text) => refOfText(text).ref?.$case)).toEqual(['zoo', 'nasbench201', 'genotype', 'json']);
    for (const text of texts) expect(nameless(architectureFromRef(evaluableRef(refOfText(text), 'text'), 'ref'))).toEqual(nameless(readArchitecture(text)));
    expect(evaluableRef({ ...refOfText(json), displayName: 'mine' }, 'text')).toEqual({
      ref: { $case: 'spec', value: architectureToSpec(zooArchitecture('resnet20')) },
    });
  });

  it('leaves defaults of a placement out', () => {
    const options = { network: 'imagenet', channels: 48, imageSize: 224 } as const;
    expect(placementFromWire(placementToWire(options))).toEqual(options);
    expect(placementFromWire(placementToWire({}))).toEqual({});
    expect(placementFromWire(undefined)).toEqual({});
  });
});
