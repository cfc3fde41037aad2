import {
  applyEdits,
  listZoo,
  lower,
  primitive,
  randomOfficialArchitecture,
  officialSpace,
  readNasBench201,
  zooArchitecture,
  type Architecture,
  type Edge,
  type LoweredArchitecture,
  type PlacementOptions,
  type PrimitiveName,
} from '@nat/cells';
import { loadTensorflow, type HostTensor } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { classesOfWeights, inheritWeights } from './inherit.ts';
import { buildNetwork } from '../executor/network.ts';
import { Weights } from '../executor/weights.ts';

const tf = loadTensorflow();

/** Weights with running statistics that are not those of a fresh network. */
function weightsOf(network: LoweredArchitecture, seed = 1): Map<string, HostTensor> {
  const weights = new Weights(tf, seed);
  const random = RandomStream.of('statistics', seed);
  tf.tidy(() => {
    buildNetwork(network).apply({ tf, weights, mode: 'eval' }, tf.zeros([1, network.placement.height, network.placement.width, 3]));
  });
  const tensors = weights.export();
  weights.dispose();
  for (const [name, { data }] of tensors) if (name.includes('.running_')) data.forEach((fresh, i) => (data[i] = fresh + random.uniform() - 0.5));
  return tensors;
}

/** Logits in evaluation mode: what accuracy is counted from. */
function logitsOf(network: LoweredArchitecture, tensors: ReadonlyMap<string, HostTensor>, seed = 9): Float32Array {
  const weights = new Weights(tf, seed);
  weights.restore(tensors);
  const logits = tf.tidy(() => {
    const images = tf.randomNormal([4, network.placement.height, network.placement.width, 3], 0, 1, 'float32', 1);
    return buildNetwork(network)
      .apply({ tf, weights, mode: 'eval' }, images as Parameters<ReturnType<typeof buildNetwork>['apply']>[1])
      .logits.dataSync<'float32'>()
      .slice();
  });
  weights.dispose();
  return logits;
}

/** A cell of one input and three nodes, 4 channels, in a small network. */
function small(
  edges: readonly (readonly [from: number, to: number, operation: PrimitiveName])[],
  overrides: Partial<Extract<Architecture['skeleton'], { kind: 'explicit' }>> = {},
): LoweredArchitecture {
  return lower({
    cells: [
      {
        name: 'only',
        inputs: 1,
        nodes: 3,
        edges: edges.map(([from, to, operation]): Edge => ({ from, to, operation: primitive(operation) })),
        output: { kind: 'last' },
      },
    ],
    skeleton: {
      kind: 'explicit',
      stem: { channels: 4, kernel: 3, stride: 1, activation: 'none' },
      placements: [
        { cell: 'only', reads: [-1] },
        { cell: 'only', reads: [0] },
      ],
      head: { activation: 'relu' },
      imageSize: 8,
      classes: 3,
      ...overrides,
    },
  });
}

/** The tensors of the result that are its source's, as `from -> to` of their modules. */
function inheritedModules(source: LoweredArchitecture, result: LoweredArchitecture): string[] {
  const weights = weightsOf(source);
  const { tensors } = inheritWeights(source, result, weights);
  const nameOf = new Map([...weights].map(([name, tensor]) => [tensor, name]));
  const module = (name: string): string => /^(cells\.\d+\.(_ops\.\d+|preprocess\d)|cells\.\d+|[a-z_0-9]+)/.exec(name)![0];
  return [...new Set([...tensors].map(([name, tensor]) => `${module(nameOf.get(tensor)!)} -> ${module(name)}`))].sort();
}

describe('inheritWeights', () => {
  const whole: [string, Architecture, PlacementOptions][] = [
    ...listZoo().map(({ name, architecture }): [string, Architecture, PlacementOptions] => [name, architecture(), { channels: 4, layers: 4 }]),
    ['DARTS for ImageNet', zooArchitecture('DARTS'), { network: 'imagenet', channels: 4, layers: 4, imageSize: 64 }],
    [
      'a NAS-Bench-201 cell',
      readNasBench201('|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|'),
      { channels: 4, layers: 1 },
    ],
  ];
  it.each(whole)('%s kept as it is inherits everything', (_, architecture, placement) => {
    const network = lower(architecture, placement);
    const weights = new Map<string, HostTensor>();
    for (const { name, shape } of buildNetwork(network).parameters) {
      const tensor = { shape, data: new Float32Array(0) };
      weights.set(name, tensor);
      if (shape.length === 1 && name.endsWith('.weight'))
        for (const which of ['mean', 'var']) weights.set(name.replace(/weight$/, `running_${which}`), { ...tensor });
    }
    const { tensors, inherited, params } = inheritWeights(network, network, weights);
    expect(tensors).toEqual(weights);
    expect(inherited).toBe(params);
  });

  it.each(['DARTS', 'NAT_ENAS', 'resnet20', 'mobilenet_v2'])('%s kept as it is computes the same before any step', (name) => {
    const network = lower(zooArchitecture(name), { channels: 4, layers: 4 });
    const weights = weightsOf(network);
    expect(logitsOf(network, inheritWeights(network, network, weights).tensors)).toEqual(logitsOf(network, weights));
  });

  it('goes edge by edge: what survived keeps its weights, what changed is fresh', () => {
    const source = small([
      [0, 1, 'sep_conv_3x3'],
      [0, 2, 'conv_3x3'],
      [1, 2, 'conv_3x3'],
    ]);
    const result = small([
      [0, 1, 'sep_conv_3x3'],
      [0, 2, 'skip_connect'],
      [1, 2, 'conv_3x3'],
    ]);
    expect(inheritedModules(source, result)).toEqual(
      ['cells.0._ops.0', 'cells.0._ops.2', 'cells.1._ops.0', 'cells.1._ops.2', 'classifier', 'stem'].map((module) => `${module} -> ${module}`),
    );
  });

  it('does not take a dilated for a separable convolution of the same names and shapes', () => {
    const source = small([
      [0, 1, 'sep_conv_3x3'],
      [1, 2, 'conv_1x1'],
    ]);
    const result = small([
      [0, 1, 'dil_conv_3x3'],
      [1, 2, 'conv_1x1'],
    ]);
    const [sep, dil] = [source, result].map((network) => buildNetwork(network).parameters.find(({ name }) => name === 'cells.0._ops.0.op.1.weight'));
    expect(sep!.shape).toEqual(dil!.shape);
    expect(inheritedModules(source, result).filter((pair) => pair.includes('_ops.0'))).toEqual([]);
  });

  it('tells edges between the same two nodes apart by their order', () => {
    const source = small([
      [0, 1, 'conv_3x3'],
      [0, 1, 'conv_3x3'],
      [1, 2, 'conv_1x1'],
    ]);
    const result = small([
      [0, 1, 'null'],
      [0, 1, 'conv_3x3'],
      [1, 2, 'conv_1x1'],
    ]);
    const firstCell = (pairs: readonly string[]): string[] => pairs.filter((pair) => pair.startsWith('cells.0._ops'));
    expect(firstCell(inheritedModules(source, result))).toEqual(['cells.0._ops.1 -> cells.0._ops.1', 'cells.0._ops.2 -> cells.0._ops.2']);
    // Each at most once, and in another order too.
    const three = small([
      [0, 1, 'conv_3x3'],
      [0, 1, 'conv_3x3'],
      [0, 1, 'conv_3x3'],
      [1, 2, 'conv_1x1'],
    ]);
    expect(firstCell(inheritedModules(source, three))).toEqual([
      'cells.0._ops.0 -> cells.0._ops.0',
      'cells.0._ops.1 -> cells.0._ops.1',
      'cells.0._ops.2 -> cells.0._ops.3',
    ]);
    const ordered = small([
      [0, 1, 'conv_1x1'],
      [0, 1, 'sep_conv_3x3'],
      [1, 2, 'conv_3x3'],
    ]);
    const turned = small([
      [1, 2, 'conv_3x3'],
      [0, 1, 'sep_conv_3x3'],
      [0, 1, 'conv_1x1'],
    ]);
    const weights = weightsOf(ordered);
    const { tensors, inherited, params } = inheritWeights(ordered, turned, weights);
    expect(inherited).toBe(params);
    const [before, after] = [logitsOf(ordered, weights), logitsOf(turned, tensors)];
    after.forEach((logit, i) => {
      expect(logit).toBeCloseTo(before[i]!, 4);
    });
  });

  it('starts a head for other classes afresh, and keeps the rest', () => {
    const edges = [
      [0, 1, 'conv_3x3'],
      [1, 2, 'conv_1x1'],
    ] as const;
    const [source, result] = [small(edges), small(edges, { classes: 5 })];
    const { tensors, inherited, params } = inheritWeights(source, result, weightsOf(source));
    expect([...tensors.keys()].filter((name) => name.startsWith('classifier'))).toEqual([]);
    expect(params - inherited).toBe(5 * 4 + 5);
    expect(classesOfWeights(weightsOf(source))).toBe(3);
  });

  it('takes preprocessing only where it reads the same nodes', () => {
    const source = zooArchitecture('DARTS');
    const [normal, reduce] = source.cells;
    const concat = normal!.output.kind === 'concat' ? normal!.output.nodes : [];
    const result: Architecture = { ...source, cells: [{ ...normal!, output: { kind: 'concat', nodes: concat.toReversed() } }, reduce!] };
    const placement = { channels: 4, layers: 3 };
    const [before, after] = [lower(source, placement), lower(result, placement)];
    const pairs = inheritedModules(before, after);
    // Layers 1 and 2 are reductions of which the first reads the normal cell of layer 0; layer 2's preprocess0 does too.
    expect(pairs).toContain('cells.0.preprocess1 -> cells.0.preprocess1');
    expect(pairs).not.toContain('cells.1.preprocess1 -> cells.1.preprocess1');
    expect(pairs).not.toContain('cells.2.preprocess0 -> cells.2.preprocess0');
    expect(pairs).toContain('cells.2.preprocess1 -> cells.2.preprocess1');
    expect(pairs).toContain('cells.0._ops.0 -> cells.0._ops.0');
  });

  it('inherits all of resnet20 but the edited edges, which start as they would anyway', () => {
    const source = zooArchitecture('resnet20');
    const cell = source.cells.findIndex(({ edges }) => edges.some(({ operation }) => operation.name === 'conv_3x3'));
    const edge = source.cells[cell]!.edges.findIndex(({ operation }) => operation.name === 'conv_3x3');
    const result = applyEdits(source, [{ cell, edge, before: 'conv_3x3', after: 'sep_conv_3x3' }]);
    const [before, after] = [lower(source), lower(result)];
    const weights = weightsOf(before);
    const { tensors } = inheritWeights(before, after, weights);
    const fresh = buildNetwork(after).parameters.filter(({ name }) => !tensors.has(name));
    const positions = after.blocks.flatMap((block, i) => (block.cell === cell ? [i] : []));
    expect(new Set(fresh.map(({ name }) => name.split('.').slice(0, 4).join('.')))).toEqual(new Set(positions.map((i) => `cells.${i}._ops.${edge}`)));
    expect(logitsOf(after, tensors, 9)).not.toEqual(logitsOf(after, tensors, 10));
  });

  it('holds for random cells: nothing but unchanged edges, and all of them', () => {
    const space = officialSpace('NATv2', 'FULLY_CONCAT_PRIMITIVES');
    for (let seed = 0; seed < 20; seed++) {
      const random = RandomStream.of('inherit', seed);
      const [a, b] = [randomOfficialArchitecture(space, random), randomOfficialArchitecture(space, random)];
      // The second's operations on the first's edges, for about half of them.
      const result: Architecture = {
        ...a,
        cells: a.cells.map((cell, c) => ({
          ...cell,
          edges: cell.edges.map((edge, e) => (random.integer(2) === 0 ? edge : { ...edge, operation: b.cells[c]!.edges[e]!.operation })),
        })),
      };
      const [before, after] = [a, result].map((architecture) => lower(architecture, { channels: 2, layers: 3 })) as [LoweredArchitecture, LoweredArchitecture];
      const weights = new Map(
        buildNetwork(before).parameters.flatMap(({ name, shape }): [string, HostTensor][] => {
          const tensor = (): HostTensor => ({ shape, data: new Float32Array(0) });
          return shape.length === 1 && name.endsWith('.weight')
            ? ['weight', 'running_mean', 'running_var'].map((which) => [name.replace(/weight$/, which), tensor()])
            : [[name, tensor()]];
        }),
      );
      const { tensors } = inheritWeights(before, after, weights);
      const nameOf = new Map([...weights].map(([name, tensor]) => [tensor, name]));
      const used = new Set<string>();
      after.blocks.forEach((block, i) => {
        result.cells[block.cell!]!.edges.forEach((edge, e) => {
          const own = [...tensors].filter(([name]) => name.startsWith(`cells.${i}._ops.${e}.`));
          const old = a.cells[block.cell!]!.edges;
          if (edge.operation.name === old[e]!.operation.name) {
            // An edge that was left alone has its own weights back.
            expect(own.every(([name, tensor]) => nameOf.get(tensor) === name)).toBe(true);
            expect(own.length).toBe([...weights.keys()].filter((name) => name.startsWith(`cells.${i}._ops.${e}.`)).length);
          }
          for (const [name, tensor] of own) {
            const from = nameOf.get(tensor)!;
            const donor = old[Number(from.split('.')[3])]!;
            expect([donor.from, donor.to, donor.operation.name, donor.stride]).toEqual([edge.from, edge.to, edge.operation.name, edge.stride]);
            expect(used.has(from)).toBe(false);
            used.add(from);
            expect(tensor.shape).toEqual(weights.get(from)!.shape);
            expect(name.split('.').slice(4)).toEqual(from.split('.').slice(4));
          }
        });
      });
    }
  });

  it('refuses weights of another network by the first tensor that is not as it should be', () => {
    const edges = [
      [0, 1, 'conv_3x3'],
      [1, 2, 'conv_1x1'],
    ] as const;
    const network = small(edges);
    const weights = weightsOf(network);
    const without = (name: string): Map<string, HostTensor> => new Map([...weights].filter(([each]) => each !== name));
    expect(() => inheritWeights(network, network, without('cells.1._ops.0.op.1.weight'))).toThrow(/inherit.weights.*have no cells\.1\._ops\.0\.op\.1\.weight/);
    expect(() => inheritWeights(network, network, without('cells.1._ops.0.op.2.running_var'))).toThrow(/have no cells\.1\._ops\.0\.op\.2\.running_var/);
    const other = small(edges, { stem: { channels: 4, kernel: 1, stride: 1, activation: 'none' } });
    expect(() => inheritWeights(other, network, weights)).toThrow(/have stem\.0\.weight of shape \[4, 3, 3, 3\], their network has \[4, 3, 1, 1\]/);
    expect(() => classesOfWeights(new Map())).toThrow(/no classifier.weight/);
  });
});
