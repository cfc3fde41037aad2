import { RandomStream } from '@nat/base/random';
import {
  architectureCost,
  applyOperations,
  primitiveAt,
  primitiveIndex,
  randomArchitecture,
  readNasBench201,
  zooArchitecture,
  type Architecture,
} from '@nat/cells';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Budget } from '../mdp/budget.ts';
import { withinBudget } from '../mdp/budget.ts';
import { createEnvironment, type Environment } from '../mdp/environment.ts';
import type { MaskMode } from '../mdp/mask-mode.ts';
import { Decoder } from './decoder.ts';
import { liveNodes } from './lattice.ts';

const NULL = primitiveIndex('null');
const MODES = ['total-cost', 'cost-masked', 'official'] as const;
const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const PLACEMENT = { channels: 4, layers: 3, imageSize: 32 };

/** Random log-probabilities, normalised for every decision. */
function randomLogs({ candidateStart, decisions }: Environment, seed: number, spread: number): Float64Array {
  const stream = RandomStream.of(seed, 'scores');
  const logs = new Float64Array(candidateStart[decisions]!);
  for (let d = 0; d < decisions; d++) {
    const own = logs.subarray(candidateStart[d], candidateStart[d + 1]).map(() => spread * stream.normal());
    const sum = own.reduce((total, score) => total + Math.exp(score), 0);
    own.forEach((score, k) => {
      logs[candidateStart[d]! + k] = score - Math.log(sum);
    });
  }
  return logs;
}

/** Why a result is not allowed, by the definition, on the architecture that it is; undefined for one that is allowed. */
function faultOf(environment: Environment, operations: Int16Array, budget: Budget): string | undefined {
  const { architecture, space, mode } = environment;
  const { priced } = space;
  const result = applyOperations(architecture, operations);
  const cost = priced.costOf(operations);
  if (!withinBudget(cost, budget)) return 'budget';
  if (mode === 'official') return undefined;
  const source = priced.cost;
  if (!withinBudget(cost, { maxParams: source.params, maxMacs: source.macs, maxPeakActivationBytes: source.peakActivationBytes })) return 'source';
  for (const [index, cell] of result.cells.entries()) {
    const before = architecture.cells[index]!;
    const [lived, live] = [liveNodes(before), liveNodes(cell)];
    const connected = (of: typeof cell, nodes: Uint8Array): Set<number> =>
      new Set(of.edges.filter(({ from, to, operation }) => from < of.inputs && operation.name !== 'null' && nodes[to] === 1).map(({ from }) => from));
    const kept = connected(cell, live);
    for (const input of connected(before, lived)) if (!kept.has(input)) return `cell ${index} ignores input ${input}`;
    for (let node = cell.inputs; mode === 'total-cost' && node < cell.nodes; node++) {
      if (lived[node] === 0 || live[node] === 1) continue;
      const paid = before.edges.some(({ from, to }, edge) => {
        const flat = priced.offsets[index]! + edge;
        if ((from !== node && to !== node) || operations[flat] !== NULL || priced.operations[flat] === NULL) return false;
        const { params, macs } = priced.edgeCost(flat, priced.operations[flat]!);
        return params > 0 || macs > 0;
      });
      if (!paid) return `node ${node} of cell ${index} is dead for nothing`;
    }
    for (const [edge, { from, to, operation }] of cell.edges.entries()) {
      if (operation.kind === 'fixed') continue;
      const flat = priced.offsets[index]! + edge;
      const stands = (from < cell.inputs || live[from] === 1) && live[to] === 1;
      if (!stands && operations[flat] !== NULL) return `edge ${edge} of cell ${index} is dead`;
      const [a, b] = [priced.edgeCost(flat, priced.operations[flat]!), priced.edgeCost(flat, operations[flat]!)];
      const changed = priced.operations[flat] !== operations[flat];
      if (mode === 'total-cost' && stands && changed && a.params === b.params && a.macs === b.macs) return `edge ${edge} of cell ${index} saves nothing`;
    }
  }
  return undefined;
}

/** Every assignment of candidates, with its log-probability. */
function* assignments(
  { space, candidateStart, candidateAction, decisions }: Environment,
  logs: Float64Array,
): Generator<{ operations: Int16Array; logProb: number }> {
  const operations = space.priced.operations.slice();
  function* from(d: number, logProb: number): Generator<{ operations: Int16Array; logProb: number }> {
    if (d === decisions) {
      yield { operations, logProb };
      return;
    }
    for (let candidate = candidateStart[d]!; candidate < candidateStart[d + 1]!; candidate++) {
      operations[space.edges[d]!] = space.row(d)[candidateAction[candidate]!]!;
      yield* from(d + 1, logProb + logs[candidate]!);
    }
  }
  yield* from(0, 0);
}

const logProbOf = ({ candidateStart, candidateAction }: Environment, logs: Float64Array, actions: Uint8Array): number =>
  actions.reduce((sum, action, d) => {
    for (let candidate = candidateStart[d]!; candidate < candidateStart[d + 1]!; candidate++)
      if (candidateAction[candidate] === action) return sum + logs[candidate]!;
    return NaN;
  }, 0);

/** Small enough to try every assignment. */
function smallEnvironment(seed: number, mode: MaskMode, scheme: 'nat' | 'nat++'): Environment | undefined {
  const environment = createEnvironment(randomArchitecture(RandomStream.of(seed)), { scheme, mode, placement: PLACEMENT });
  let count = 1;
  for (let d = 0; d < environment.decisions; d++) count *= environment.candidateStart[d + 1]! - environment.candidateStart[d]!;
  return count <= 20_000 && environment.decisions > 0 ? environment : undefined;
}

/** Budgets between what the cheapest assignment and the source come to. */
function budgetOf(environment: Environment, seed: number): Budget {
  const stream = RandomStream.of(seed, 'budget');
  const { cost, fixedCost } = environment.space.priced;
  const between = (low: number, high: number): number => Math.floor(low + stream.uniform() ** 2 * (high - low));
  return {
    ...(stream.uniform() < 0.5 ? {} : { maxParams: between(fixedCost.params, cost.params) }),
    ...(stream.uniform() < 0.5 ? {} : { maxMacs: between(fixedCost.macs, cost.macs) }),
    ...(stream.uniform() < 0.8 ? {} : { maxPeakActivationBytes: between(fixedCost.peakActivationBytes, cost.peakActivationBytes) }),
  };
}

describe('the likeliest result', () => {
  it.each(MODES)('is the best of all allowed ones, tried one by one (%s)', (mode) => {
    let [found, none] = [0, 0];
    fc.assert(
      fc.property(seeds, fc.constantFrom('nat' as const, 'nat++' as const), fc.constantFrom(0.5, 4, 40), (seed, scheme, spread) => {
        const environment = smallEnvironment(seed, mode, scheme);
        if (environment === undefined) return;
        const logs = randomLogs(environment, seed, spread);
        const budget = budgetOf(environment, seed);
        let best = -Infinity;
        for (const { operations, logProb } of assignments(environment, logs)) {
          if (logProb > best && faultOf(environment, operations, budget) === undefined) best = logProb;
        }
        if (best === -Infinity) {
          none++;
          expect(() => new Decoder(environment, logs, budget).likeliest()).toThrow(expect.objectContaining({ reason: 'BUDGET_UNREACHABLE' }));
          return;
        }
        found++;
        const { operations, actions, optimal } = new Decoder(environment, logs, budget).likeliest();
        expect(faultOf(environment, operations, budget)).toBeUndefined();
        expect(optimal).toBe(true);
        expect(logProbOf(environment, logs, actions)).toBeCloseTo(best, 9);
      }),
      { numRuns: 300 },
    );
    expect(found).toBeGreaterThan(20);
    expect(none).toBeGreaterThan(0);
  });

  it('is as likely in any order of the edges', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...MODES), (seed, mode) => {
        const source = randomArchitecture(RandomStream.of(seed));
        const stream = RandomStream.of(seed, 'order');
        // Where each edge of the other order is in the source. Edges of one node run in presented order, on which memory depends: that order stays.
        const orders = source.cells.map(({ edges }) => {
          const ofNode = Map.groupBy(edges.keys(), (edge) => edges[edge]!.to);
          return stream.shuffle(edges.map(({ to }) => to)).map((to) => ofNode.get(to)!.shift()!);
        });
        const other: Architecture = { ...source, cells: source.cells.map((cell, c) => ({ ...cell, edges: orders[c]!.map((edge) => cell.edges[edge]!) })) };
        const [one, two] = [source, other].map((architecture) => createEnvironment(architecture, { scheme: 'nat', mode, placement: PLACEMENT }));
        const logs = randomLogs(one!, seed, 2);
        const decisionAt = new Map([...one!.space.edges].map((flat, d) => [flat, d]));
        const otherLogs = new Float64Array(logs.length);
        for (let d = 0; d < two!.decisions; d++) {
          const { cell, edge } = two!.edgeOf(d);
          const start = one!.candidateStart[decisionAt.get(one!.space.priced.offsets[cell]! + orders[cell]![edge]!)!]!;
          for (let k = 0; k < two!.candidateStart[d + 1]! - two!.candidateStart[d]!; k++) otherLogs[two!.candidateStart[d]! + k] = logs[start + k]!;
        }
        const budget = budgetOf(one!, seed);
        const decode = (environment: Environment, of: Float64Array): number | string => {
          try {
            return logProbOf(environment, of, new Decoder(environment, of, budget).likeliest().actions);
          } catch (error) {
            return (error as { reason: string }).reason;
          }
        };
        const [first, second] = [decode(one!, logs), decode(two!, otherLogs)];
        if (typeof first === 'string') expect(second).toBe(first);
        else expect(second).toBeCloseTo(first, 9);
      }),
      { numRuns: 200 },
    );
  });

  it.each(['resnet20', 'resnet56', 'vgg16', 'mobilenet_v2', 'DARTS', 'ENAS', 'NAONet', 'ResBlock'])(
    'of %s keeps any budget, recounted, and no sample is likelier',
    (name) => {
      const source = zooArchitecture(name);
      for (const mode of ['total-cost', 'cost-masked'] as const) {
        const environment = createEnvironment(source, { scheme: 'nat', mode });
        const logs = randomLogs(environment, 7, 3);
        for (const share of [1, 0.95, 0.8, 0.6, 0.5]) {
          const budget = { maxMacs: Math.floor(share * environment.space.priced.cost.macs) };
          const decoder = new Decoder(environment, logs, budget);
          const { operations, actions, optimal } = decoder.likeliest();
          expect(optimal).toBe(true);
          expect(faultOf(environment, operations, budget)).toBeUndefined();
          expect(architectureCost(applyOperations(source, operations)).macs).toBeLessThanOrEqual(budget.maxMacs);
          const best = logProbOf(environment, logs, actions);
          const draw = decoder.sampler();
          for (let i = 0; i < 50; i++) {
            const sample = draw(RandomStream.of(i));
            if (sample === undefined) continue;
            expect(faultOf(environment, sample.operations, budget)).toBeUndefined();
            expect(logProbOf(environment, logs, sample.actions)).toBeLessThanOrEqual(best + 1e-9);
          }
        }
      }
    },
  );

  it('keeps the one path of a cell, where nothing but a skip may take its place', () => {
    const chain: Architecture = {
      cells: [
        {
          name: 'cell',
          inputs: 1,
          nodes: 2,
          edges: [{ from: 0, to: 1, operation: { kind: 'primitive', name: 'conv_3x3' } }],
          output: { kind: 'last' },
        },
      ],
      skeleton: { kind: 'nasbench201' },
    };
    const environment = createEnvironment(chain, { scheme: 'nat', mode: 'total-cost' });
    const decode = (budget: Budget): Int16Array => new Decoder(environment, randomLogs(environment, 1, 1), budget).likeliest().operations;
    expect(decode({ maxParams: 73_306 })).toEqual(Int16Array.of(primitiveIndex('skip_connect')));
    expect(() => decode({ maxParams: 73_305 })).toThrow(/73306 parameters/);
    expect(() => decode({ maxParams: NaN })).toThrow(/budget.maxParams/);
    expect(() => decode({ maxMacs: -1 })).toThrow(/budget.maxMacs/);
  });

  it('says what the least is, each measure by itself', () => {
    const environment = createEnvironment(zooArchitecture('resnet20'), { scheme: 'nat', mode: 'total-cost' });
    const logs = randomLogs(environment, 1, 1);
    const least = (budget: Budget): Record<string, string> => {
      try {
        new Decoder(environment, logs, budget);
        return {};
      } catch (error) {
        return (error as { metadata: Record<string, string> }).metadata;
      }
    };
    const { attainableParams, attainableMacs, attainablePeakActivationBytes } = least({ maxParams: 1 });
    for (const [measure, value] of Object.entries({
      maxParams: attainableParams,
      maxMacs: attainableMacs,
      maxPeakActivationBytes: attainablePeakActivationBytes,
    })) {
      expect(least({ [measure]: Number(value) })).toEqual({});
      expect(least({ [measure]: Number(value) - 1 })).toMatchObject({ [measure]: String(Number(value) - 1) });
    }
  });
});

describe('samples', () => {
  it.each(MODES)('are distributed as the policy is among allowed results (%s)', (mode) => {
    const source = readNasBench201('|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|');
    const environment = createEnvironment(source, { scheme: 'nat', mode });
    const logs = randomLogs(environment, 5, 1);
    const budget = { maxMacs: Math.floor(0.5 * environment.space.priced.cost.macs) };
    const expected = new Map<string, number>();
    for (const { operations, logProb } of assignments(environment, logs)) {
      if (faultOf(environment, operations, budget) !== undefined) continue;
      const key = [...operations].map(primitiveAt).join();
      expected.set(key, (expected.get(key) ?? 0) + Math.exp(logProb));
    }
    const total = [...expected.values()].reduce((a, b) => a + b, 0);
    const draw = new Decoder(environment, logs, budget).sampler();
    const draws = 4000;
    const counts = new Map<string, number>();
    for (let i = 0; i < draws; i++) {
      const key = [...draw(RandomStream.of('sample', i))!.operations].map(primitiveAt).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(expected.size).toBeGreaterThan(3);
    for (const [key, count] of counts) expect(expected.has(key), `${key} (${count})`).toBe(true);
    for (const [key, weight] of expected) {
      const probability = weight / total;
      const deviation = Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs((counts.get(key) ?? 0) / draws - probability)).toBeLessThan(5 * deviation + 1e-3);
    }
  });

  it('are the same for the same stream', () => {
    const environment = createEnvironment(zooArchitecture('DARTS'), { scheme: 'nat', mode: 'total-cost' });
    const draw = new Decoder(environment, randomLogs(environment, 2, 1), { maxMacs: 400e6 }).sampler();
    expect(draw(RandomStream.of(1))).toEqual(draw(RandomStream.of(1)));
  });
});

describe('cells larger than any in use', () => {
  /** A chain, or a cell where every node reads up to `reads` earlier ones. */
  const wide = (nodes: number, reads: number): Architecture => ({
    cells: ['normal', 'reduce'].map((name) => ({
      name,
      inputs: 2,
      nodes: 2 + nodes,
      edges: Array.from({ length: nodes }, (_, i) =>
        Array.from({ length: Math.min(reads, 2 + i) }, (_, back) => ({
          from: 1 + i - back,
          to: 2 + i,
          operation: { kind: 'primitive' as const, name: (['sep_conv_3x3', 'max_pool_3x3', 'skip_connect'] as const)[(i + back) % 3]! },
        })),
      ).flat(),
      output: { kind: 'loose-ends' as const },
    })),
    skeleton: { kind: 'repeated' },
  });

  it.each([
    [512, 1],
    [64, 8],
  ])('get an allowed result (%i nodes, %i reads)', (nodes, reads) => {
    const environment = createEnvironment(wide(nodes, reads), { scheme: 'nat', mode: 'total-cost', placement: PLACEMENT });
    const logs = randomLogs(environment, 3, 2);
    const budget = { maxMacs: Math.floor(0.7 * environment.space.priced.cost.macs) };
    expect(faultOf(environment, new Decoder(environment, logs, budget).likeliest().operations, budget)).toBeUndefined();
  });
});
