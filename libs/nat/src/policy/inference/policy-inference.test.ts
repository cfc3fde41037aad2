import { officialSpace, PRIMITIVE_NAMES, primitive, readNasBench201, zooArchitecture, type Architecture, type Cell, type SchemeName } from '@nat/cells';
import { Episode } from '../../mdp/episode.ts';
import { loadTensorflow, type HostTensor } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { createCheckpoint, type PolicyCheckpoint } from '../checkpoint.ts';
import { PolicyInference } from './policy-inference.ts';
import { FORMAT_1_EMBEDDINGS } from '../features/operation-features.ts';
import { EDGE_POLICY, LSTM_POLICY, officialGcnPolicy, type PolicyConfig } from '../policy-config.ts';
import { lossAndGradients, prepareBatch } from '../../learning/reinforce.ts';
import { candidateScores } from '../networks/candidate-scores.ts';
import { createEnvironment, type Environment } from '../../mdp/environment.ts';
import type { MaskMode } from '../../mdp/mask-mode.ts';

const tf = loadTensorflow();

function shaken(config: PolicyConfig, seed: number, size = 0.05): PolicyCheckpoint {
  const checkpoint = createCheckpoint(config, RandomStream.of(seed));
  const stream = RandomStream.of(seed, 'shake');
  const shake = ({ shape, data }: HostTensor): HostTensor => ({ shape, data: data.map((value) => value + size * stream.normal()) });
  return { ...checkpoint, parameters: new Map([...checkpoint.parameters].map(([name, tensor]) => [name, shake(tensor)])) };
}

/** A cell of any shape: every node reads 1 to 4 earlier ones, edges in random order. */
function randomCell(name: string, inputs: number, stream: RandomStream): Cell {
  const nodes = inputs + 1 + stream.integer(4);
  const names = PRIMITIVE_NAMES.filter((primitiveName) => !primitiveName.endsWith('2x2'));
  const edges = Array.from({ length: nodes - inputs }, (_, i) =>
    Array.from({ length: 1 + stream.integer(4) }, () => ({
      from: stream.integer(inputs + i),
      to: inputs + i,
      operation: primitive(names[stream.integer(names.length)]!),
    })),
  ).flat();
  return { name, inputs, nodes, edges: stream.shuffle(edges), output: { kind: 'loose-ends' } };
}

function randomArchitecture(stream: RandomStream): Architecture {
  return { cells: [randomCell('normal', 2, stream), randomCell('reduce', 2, stream)], skeleton: { kind: 'repeated' } };
}

function environments(scheme: SchemeName, mode: MaskMode): Environment[] {
  const stream = RandomStream.of('random architectures');
  const random = Array.from({ length: 20 }, () => randomArchitecture(stream));
  const zoo = ['DARTS', 'NAONet', 'vgg16', 'resnet20', 'mobilenet_v2'].map((name) => zooArchitecture(name));
  const cell = readNasBench201('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|');
  return [...random, ...zoo, cell].map((architecture) => createEnvironment(architecture, { scheme, mode }));
}

function tensorflowScores({ config, parameters }: PolicyCheckpoint, given: readonly Environment[]): Float32Array {
  return tf
    .tidy(() => {
      const tensors = Object.fromEntries([...parameters].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
      return tf.keep(candidateScores(tf, config, given)(tensors));
    })
    .dataSync<'float32'>();
}

function expectAgreement(checkpoint: PolicyCheckpoint, given: readonly Environment[]): void {
  const policy = new PolicyInference(checkpoint);
  const expected = tensorflowScores(checkpoint, given);
  const scores = given.flatMap((environment) => [...policy.scores(environment)]);
  expect(scores.length).toBe(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0.01);
  scores.forEach((score, i) => {
    expect(Math.abs(score - expected[i]!)).toBeLessThanOrEqual(2e-5 * largest);
  });
}

describe('compiled scores', () => {
  it.each(['nat', 'nat++'] as const)('of the edge encoder are those of TensorFlow, many architectures in one pass (%s)', (scheme) => {
    expectAgreement(shaken(EDGE_POLICY, 1), environments(scheme, 'cost-masked'));
    expectAgreement(shaken({ encoder: 'edge', hidden: 7, layers: 1 }, 2), environments(scheme, 'official'));
    // Policies of format 1 have embeddings; of these two operations only.
    expectAgreement(shaken({ ...EDGE_POLICY, embeddings: FORMAT_1_EMBEDDINGS }, 3), environments(scheme, 'cost-masked'));
    expectAgreement(shaken({ ...EDGE_POLICY, embeddings: ['conv_3x3', 'null'] }, 4), environments(scheme, 'cost-masked'));
  });

  it('of the lstm encoder are those of TensorFlow, sequences of any lengths in one pass', () => {
    expectAgreement(shaken(LSTM_POLICY, 1), environments('nat', 'cost-masked'));
    expectAgreement(shaken({ encoder: 'lstm', hidden: 7, layers: 1 }, 2), environments('nat++', 'official'));
  });

  it.each(['NAT', 'NATv2'] as const)('of the pair encoder are those of TensorFlow (%s)', (repository) => {
    const { primitives } = officialSpace(repository, 'FULLY_CONCAT_PRIMITIVES');
    const scheme = repository === 'NAT' ? 'nat' : 'nat++';
    const given = ['DARTS', 'VGG', 'ResBlock', 'R1', 'R2'].flatMap((name) =>
      (['cost-masked', 'official'] as const).map((mode) => createEnvironment(zooArchitecture(name), { scheme, mode })),
    );
    expectAgreement(shaken(officialGcnPolicy(scheme, primitives), 3), given);
  });

  it('of an lstm of one layer do not know what is read later, those of two layers do', () => {
    const scores = (layers: number, last: string): number[] => {
      const policy = new PolicyInference(shaken({ encoder: 'lstm', hidden: 8, layers }, 6, 0.3));
      const text = `|avg_pool_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|${last}~2|`;
      // In official mode, with costs that both cells share, nothing but the last operation differs.
      const environment = createEnvironment(readNasBench201(text), { scheme: 'nat', mode: 'official' });
      return [...policy.scores(environment).subarray(0, environment.candidateStart[1])];
    };
    expect(scores(1, 'skip_connect')).toEqual(scores(1, 'avg_pool_3x3'));
    expect(scores(2, 'skip_connect')).not.toEqual(scores(2, 'avg_pool_3x3'));
  });

  it.each([
    ['edge', EDGE_POLICY],
    ['lstm', LSTM_POLICY],
  ] as const)("of the %s encoder do not depend on the order of a node's names: an isomorphic copy scores alike", (_, config) => {
    const policy = new PolicyInference(shaken(config, 4));
    const source = randomArchitecture(RandomStream.of('copy'));
    const reversed: Architecture = { ...source, cells: source.cells.map((cell) => ({ ...cell, edges: [...cell.edges].reverse() })) };
    const scores = (architecture: Architecture): number[][] => {
      const environment = createEnvironment(architecture, { scheme: 'nat', mode: 'cost-masked' });
      return Array.from({ length: environment.decisions }, (_, d) => [
        ...policy.scores(environment).subarray(environment.candidateStart[d], environment.candidateStart[d + 1]),
      ]);
    };
    const [normal] = source.cells;
    const before = scores(source);
    const after = scores(reversed);
    const count = normal!.edges.length;
    const mirrored = [...after.slice(0, count).reverse(), ...after.slice(count).reverse()];
    before.forEach((row, d) => {
      row.forEach((score, k) => expect(mirrored[d]![k]).toBeCloseTo(score, 10)); // prettier-ignore
    });
  });
});

describe('pair policies', () => {
  it('refuse what they cannot read', () => {
    const { primitives } = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
    const policy = new PolicyInference(createCheckpoint({ ...officialGcnPolicy('nat', primitives), features: 8, hidden: 4, embedding: 4 }, RandomStream.of(1)));
    for (const [name, scheme] of [
      ['resnet20', 'nat'],
      ['ENAS', 'nat'],
      ['DARTS', 'nat++'],
      ['NAONet', 'nat'],
    ] as const) {
      // prettier-ignore
      const environment = createEnvironment(zooArchitecture(name), { scheme, mode: 'cost-masked' });
      if (name === 'ENAS') expect(policy.scores(environment).length).toBeGreaterThan(0);
      else
        expect(() => policy.sample(environment, { mode: 'greedy' }), name).toThrow(
          expect.objectContaining({ kind: 'FAILED_PRECONDITION', reason: 'POLICY_NOT_APPLICABLE' }),
        );
    }
  });
});

describe('draws', () => {
  const policy = new PolicyInference(shaken(EDGE_POLICY, 5));
  const given = environments('nat', 'cost-masked');

  it('have the log-probability and entropy that the learner gives their actions', () => {
    const checkpoint = shaken(EDGE_POLICY, 5);
    const draws = given.map((environment, i) => policy.sample(environment, { mode: 'sample', stream: RandomStream.of('draw', i) }));
    for (const draw of draws) {
      const batch = prepareBatch([{ environment: draw.environment, actions: draw.actions, reward: 0 }]);
      const { logProb, entropy } = lossAndGradients(tf, EDGE_POLICY, checkpoint.parameters, batch, Float64Array.of(0), [0]);
      expect(draw.logProb).toBeCloseTo(logProb, 3);
      expect(draw.entropy).toBeCloseTo(entropy, 3);
      expect(draw.edges.reduce((sum, { probability }) => sum + Math.log(probability), 0)).toBeCloseTo(draw.logProb, 6);
    }
  });

  it('never cost more than their source, and say so', () => {
    for (const environment of given) {
      for (let i = 0; i < 20; i++) {
        const draw = policy.sample(environment, { mode: 'sample', stream: RandomStream.of('cost', i) });
        expect(draw.certificate.holds).toBe(true);
        const changed = draw.edges.filter(({ before, after }) => before !== after);
        expect(draw.edits.map(({ cell, edge, before, after }) => ({ cell, edge, before, after }))).toEqual(
          changed.map(({ cell, edge, before, after }) => ({ cell, edge, before, after })),
        );
        for (const { cell, edge, after } of draw.edges) expect(draw.result.cells[cell]!.edges[edge]!.operation).toMatchObject({ name: after });
      }
    }
  });

  it('depend on the stream alone', () => {
    const actions = (seed: number): number[] => [...policy.sample(given[0]!, { mode: 'sample', stream: RandomStream.of(seed) }).actions];
    expect(actions(1)).toEqual(actions(1));
    expect(Array.from({ length: 5 }, (_, i) => actions(i)).some((other) => other.join() !== actions(1).join())).toBe(true);
  });

  it('come as often as their probabilities say', () => {
    const environment = given.at(-1)!;
    const counts = new Map<string, { count: number; probability: number }>();
    const n = 20_000;
    const stream = RandomStream.of('frequencies');
    for (let i = 0; i < n; i++) {
      const draw = policy.sample(environment, { mode: 'sample', stream });
      const key = draw.actions.join();
      const entry = counts.get(key) ?? { count: 0, probability: Math.exp(draw.logProb) };
      entry.count++;
      counts.set(key, entry);
    }
    let total = 0;
    for (const { count, probability } of counts.values()) {
      expect(Math.abs(count - n * probability)).toBeLessThan(5 * Math.sqrt(n * probability) + 1);
      total += probability;
    }
    expect(total).toBeCloseTo(1, 1);
  });

  it('take the likeliest allowed action of every decision when greedy', () => {
    for (const environment of given) {
      const draw = policy.sample(environment, { mode: 'greedy' });
      const scores = policy.scores(environment);
      const sequence = new Episode(environment.space);
      for (let d = 0; d < environment.decisions; d++) {
        const bits = sequence.legalActions();
        const score = (action: number): number =>
          scores[
            environment.candidateStart[d]! +
              [...environment.candidateAction.subarray(environment.candidateStart[d], environment.candidateStart[d + 1])].indexOf(action)
          ]!;
        const chosen = draw.actions[d]!;
        bits.forEach((isLegal, action) => {
          if (isLegal === 1) expect(score(action)).toBeLessThanOrEqual(score(chosen));
        });
        sequence.step(chosen);
      }
    }
  });

  it('of an untrained edge policy are nearly uniform', () => {
    const untrained = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(6)));
    for (const { probability } of untrained.sample(given.at(-1)!, { mode: 'greedy' }).edges)
      expect([1 / 2, 1 / 3, 1].some((p) => Math.abs(p - probability) < 0.1)).toBe(true);
  });
});
