/** What goes to the wire and comes back is what went. */
import { architectureIdentity, randomArchitecture, type CostBounds, type PlacementOptions } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import { RandomStream } from '@nat/base/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { architectureFromRef, architectureToRef } from './architecture-ref.ts';
import { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
import { certificateFromWire, certificateToWire, type CertifiedCost } from './certificate.ts';
import { boundsFromWire, boundsToWire, costFromWire, costToWire } from './cost.ts';
import { edgeEditToWire, editsFromWire } from './edits.ts';
import { FORMATS, formatFromWire, formatToWire } from './format.ts';
import { placementFromWire, placementToWire } from './placement.ts';
import { encoderFromWire, encoderToWire, maskingFromWire, maskingToWire, schemeFromWire, schemeToWire } from './scheme.ts';

interface Codec<T> {
  readonly encode: (message: T) => { readonly finish: () => Uint8Array };
  readonly decode: (bytes: Uint8Array) => T;
}

/** As another process gets it. */
const sent = <T>(codec: Codec<T>, message: T): T => codec.decode(codec.encode(message).finish());

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const cost = fc.record({ params: count, macs: count, peakActivationBytes: count });
const bounds: fc.Arbitrary<CostBounds> = fc.record({ maxParams: count, maxMacs: count, maxPeakActivationBytes: count }, { requiredKeys: [] });
const side = fc.integer({ min: 1, max: 4096 });
const placement: fc.Arbitrary<PlacementOptions> = fc.record(
  {
    network: fc.constantFrom('evaluation', 'imagenet', 'supernet'),
    channels: side,
    layers: fc.integer({ min: 1, max: 512 }),
    imageSize: fc.oneof(
      side,
      fc.record({ height: side, width: side }).filter(({ height, width }) => height !== width),
    ),
    classes: fc.integer({ min: 1, max: 100_000 }),
  },
  { requiredKeys: [] },
);
const architecture = fc.nat().map((seed) => randomArchitecture(RandomStream.of(seed, 'round-trip')));

describe('round trips', () => {
  it('of architectures, as specs and as the shortest reference', () => {
    fc.assert(
      fc.property(architecture, (given) => {
        expect(architectureFromSpec(sent(wire.ArchitectureSpec, architectureToSpec(given)), 'spec')).toEqual(given);
        // A text may say the same output in other words.
        const back = architectureFromRef(sent(wire.ArchitectureRef, architectureToRef(given)), 'ref');
        expect(architectureIdentity(back)).toBe(architectureIdentity(given));
      }),
      { numRuns: 300 },
    );
  });

  it('of placements', () => {
    fc.assert(
      fc.property(placement, (given) => {
        expect(placementFromWire(sent(wire.Placement, placementToWire(given)))).toEqual(given);
      }),
    );
  });

  it('of costs and bounds', () => {
    fc.assert(
      fc.property(cost, bounds, (givenCost, givenBounds) => {
        expect(costFromWire(sent(wire.Cost, costToWire(givenCost)))).toEqual(givenCost);
        const back = boundsFromWire(sent(wire.CostBounds, boundsToWire(givenBounds)!), 'bounds');
        expect(back ?? {}).toEqual(givenBounds);
      }),
    );
    expect(boundsToWire(undefined)).toBeUndefined();
    expect(() => boundsFromWire({ maxLatency: { seconds: 1, nanos: 0 } }, 'options.bounds')).toThrow(
      expect.objectContaining({ kind: 'UNIMPLEMENTED', violations: [expect.objectContaining({ field: 'options.bounds.max_latency' }) as unknown] }),
    );
  });

  it('of certificates, which say in words what does not hold', () => {
    fc.assert(
      fc.property(cost, cost, fc.option(bounds, { nil: undefined }), (source, result, budget) => {
        const axes = [
          [result.params, source.params, budget?.maxParams],
          [result.macs, source.macs, budget?.maxMacs],
          [result.peakActivationBytes, source.peakActivationBytes, budget?.maxPeakActivationBytes],
        ] as const;
        const broken = axes.flatMap(([value, ofSource, bound = Infinity]) => [value > ofSource, value > bound]).filter(Boolean).length;
        const binding = budget !== undefined && Object.keys(budget).length > 0 ? { budget } : {};
        const given: CertifiedCost = { holds: broken === 0, source, result, ...binding };
        const message = sent(wire.Certificate, certificateToWire(given));
        expect(certificateFromWire(message)).toEqual(given);
        expect(message.violations).toHaveLength(broken);
      }),
    );
  });

  it('of edits', () => {
    fc.assert(
      fc.property(architecture, fc.nat(), fc.nat(), count, (given, cellAt, edgeAt, saved) => {
        const cell = cellAt % given.cells.length;
        const edge = edgeAt % given.cells[cell]!.edges.length;
        const { from, to } = given.cells[cell]!.edges[edge]!;
        const edit = { cell, edge, before: 'conv_3x3', after: 'skip_connect' } as const;
        const message = sent(wire.EdgeEdit, edgeEditToWire(given, { ...edit, probability: 0.25, saved: { params: saved, macs: 0 - saved } }));
        expect(message).toMatchObject({ cell: given.cells[cell]!.name, from, to, probability: 0.25, savedParams: saved, savedMacs: 0 - saved });
        const kept = edgeEditToWire(given, { ...edit, after: edit.before, saved: { params: 0, macs: 0 } });
        expect(editsFromWire([kept, message])).toEqual([edit]);
      }),
    );
  });

  it('of names', () => {
    for (const name of ['nat', 'nat++', undefined] as const) expect(schemeFromWire(schemeToWire(name))).toBe(name);
    for (const name of ['total-cost', 'cost-masked', 'official', undefined] as const) expect(maskingFromWire(maskingToWire(name))).toBe(name);
    for (const name of ['edge', 'pair'] as const) expect(encoderFromWire(encoderToWire(name))).toBe(name);
    for (const name of [...FORMATS, undefined]) expect(formatFromWire(formatToWire(name))).toBe(name);
    expect(encoderFromWire('ENCODER_UNSPECIFIED')).toBeUndefined();
  });
});
