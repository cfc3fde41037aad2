import { describe, expect, it } from 'vitest';
import { imageShape, profile } from '@nat/graph';
import { architectureCost, edgeCosts, modulesByFirstNode, networkCost } from './cost.ts';
import { readGenotype } from '../text/genotype.ts';
import { readNasBench201 } from '../text/nasbench201.ts';
import { lower } from '../lower/lower.ts';
import type { Architecture } from '../cell/types.ts';
import { zooArchitecture } from '../zoo/zoo.ts';

const FLOAT = 4;

describe('real networks', () => {
  it.each([
    ['vgg16', 14_724_042, 313_201_664],
    ['resnet20', 269_722, 40_551_040],
    ['resnet56', 853_018, 125_485_696],
    ['mobilenet_v2', 2_236_682, 87_976_448],
  ])('%s has its published parameters', (name, params, macs) => {
    expect(architectureCost(zooArchitecture(name))).toMatchObject({ params, macs });
  });
});

describe('peak activation memory', () => {
  const peakOf = (architecture: Architecture, options = {}): number => architectureCost(architecture, options).peakActivationBytes;

  it('of a chain: input, sum and output of the widest layer', () => {
    // stage1 of VGG: 64 channels at 32 x 32, each a tensor of 256 KiB; the input is still named while its convolution runs.
    expect(peakOf(zooArchitecture('vgg16'))).toBe(3 * FLOAT * 64 * 32 * 32);
  });

  it('of a residual block: block input, sum, output and the node being read', () => {
    // Node 1 is read while node 2 (sum) and the convolution's output are held, beside the input of the shortcut.
    expect(peakOf(zooArchitecture('resnet20'))).toBe(4 * FLOAT * 16 * 32 * 32);
  });

  it('counts no output for null and identity skips, and names nulls', () => {
    const cell = (one: string, two: string): number => peakOf(readNasBench201(`|${one}~0|+|none~0|none~1|+|${two}~0|none~1|none~2|`));
    const unit = FLOAT * 16 * 32 * 32;
    // Node 0 is named by an edge to node 3, node 1 and 2 too: all three and the sum in node 3 are held together.
    expect(cell('none', 'none')).toBe(4 * unit);
    expect(cell('skip_connect', 'skip_connect')).toBe(4 * unit);
    expect(cell('none', 'nor_conv_1x1')).toBe(5 * unit);
    expect(cell('avg_pool_3x3', 'none')).toBe(4 * unit); // node 0, sum, output: only 3 at that time
  });

  it('of an official cell, counted by hand', () => {
    // C = 2, 1 cell at 4 x 4 (a reduction), image 4 x 4; the stem's 6 channels are read by both preprocessings.
    const architecture = readGenotype(
      "Genotype(normal=[('null', 0, 2)], normal_concat=[2], reduce=[('conv_1x1', 0, 2), ('skip_connect', 1, 3), ('null', 2, 3)], reduce_concat=[2, 3])",
    );
    const network = lower(architecture, { channels: 2, layers: 1, imageSize: 4 });
    const stem = FLOAT * 6 * 16;
    const input = FLOAT * 4 * 16; // a reduction doubles C to 4
    const node = FLOAT * 4 * 4;
    const modules = modulesByFirstNode(profile(network.graph).modules);
    const memory = network.edges.map(({ edge, region }) => ({ edge, ...modules.get(region.nodes[0])! }));
    expect(memory.map(({ edge, heldBytes, outputBytes }) => [edge, heldBytes, outputBytes])).toEqual([
      [0, 2 * input + node, node],
      [1, input + 2 * node, node], // node 0 ended with its last edge
      [2, 2 * node, 0], // a null puts out nothing
    ]);
    expect(networkCost(network).peakActivationBytes).toBe(stem + 2 * input);
  });

  it('holds a value until the last cell that reads it', () => {
    const { graph } = lower(zooArchitecture('DARTS'), { channels: 4, layers: 4, imageSize: 8 });
    const { modules } = profile(graph);
    const concats = [0, 1, 2, 3].map((cell) => modules.find(({ module }) => module === `cells.${cell}.output`)!);
    // Beside its own four nodes: each cell's newer input is read again by the next cell; the last cell's is not.
    const nodes = [4 * 4 * 64, 4 * 8 * 16, 4 * 16 * 4, 4 * 16 * 4].map((numbers) => FLOAT * numbers);
    const outer = [FLOAT * 12 * 64, FLOAT * 16 * 64, FLOAT * 32 * 16, 0];
    expect(concats.map(({ heldBytes }) => heldBytes)).toEqual(outer.map((bytes, cell) => bytes + nodes[cell]!));
  });
});

describe('edgeCosts', () => {
  it('sums over the places a cell stands at, and with the rest makes up the whole', () => {
    for (const name of ['DARTS', 'NATv2_NAONet', 'resnet20', 'mobilenet_v2']) {
      const architecture = zooArchitecture(name);
      const edges = edgeCosts(architecture).flat();
      const cost = architectureCost(architecture);
      const lowered = lower(architecture);
      const onEdges = new Set(lowered.edges.map(({ region }) => region.nodes[0]));
      const others = profile(lowered.graph).modules.filter(({ nodes }) => !onEdges.has(nodes[0]));
      const fixed = { params: others.reduce((sum, each) => sum + each.params, 0), macs: others.reduce((sum, each) => sum + each.macs, 0) };
      expect(edges.reduce((sum, { params }) => sum + params, fixed.params)).toBe(cost.params);
      expect(edges.reduce((sum, { macs }) => sum + macs, fixed.macs)).toBe(cost.macs);
    }
    expect(edgeCosts(zooArchitecture('DARTS'))[0]![0]).toEqual({
      params: 6 * (2 * 9 * 36 + 2 * 36 * 36 + 4 * 36) + 6 * (18 * 72 + 2 * 72 * 72 + 4 * 72) + 6 * (18 * 144 + 2 * 144 * 144 + 4 * 144),
      macs: expect.any(Number) as number,
    });
  });
});

describe('lower', () => {
  it('refuses options out of range and networks a skeleton does not have', () => {
    const darts = zooArchitecture('DARTS');
    expect(() => lower(darts, { channels: NaN })).toThrow(/placement.channels: NaN/);
    expect(() => lower(darts, { layers: 0 })).toThrow(/placement.layers/);
    expect(() => lower(darts, { layers: 100_000 })).toThrow(/placement.layers/);
    expect(() => lower(darts, { network: 'moon' as never })).toThrow(/placement.network/);
    expect(() => lower(readNasBench201('|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'), { network: 'imagenet' })).toThrow(/its own network/);
    expect(() => lower(zooArchitecture('NAONet'), { imageSize: 34, layers: 6 })).toThrow(/avg_pool_2x2 needs an even size, not 17/);
  });

  it('ignores options where the skeleton is written out', () => {
    expect(lower(zooArchitecture('vgg16'), { channels: 3, imageSize: 7 })).toEqual(lower(zooArchitecture('vgg16')));
  });

  it('lets the supernet count all nodes, or loose ends only', () => {
    const enas = zooArchitecture('ENAS');
    const reduce = (options: object): unknown => {
      const { graph, types, blocks } = lower(enas, { network: 'supernet', layers: 3, ...options });
      const zeroed = graph.nodes.filter(({ name }) => name.startsWith('cells.1.zeroed')).map(({ name }) => name);
      return [imageShape(types[blocks[1]!.output]!)[0], zeroed];
    };
    expect(reduce({})).toEqual([200, []]);
    expect(reduce({ supernetOutput: 'loose-ends' })).toEqual([200, ['cells.1.zeroed.4', 'cells.1.zeroed.5']]);
  });
});
