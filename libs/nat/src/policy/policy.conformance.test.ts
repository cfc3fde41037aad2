/** Every case of the golden policy vectors, computed with the official code (parts A, B and C). */
import { readdirSync } from 'node:fs';
import { readGenotype, writeGenotype, type Architecture, type PrimitiveName } from '@nat/cells';
import { transitionRow } from '../mdp/transition-schemes.ts';
import { initialAdamState, loadTensorflow } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PolicyInference } from './inference/policy-inference.ts';
import type { PolicyCheckpoint } from './checkpoint.ts';
import {
  archSchema,
  configSchema,
  expectScalar,
  expectSummary,
  expectTensor,
  fill,
  goldenCell,
  goldenConfig,
  goldenDirectory,
  goldenParameters,
  namedArchSchema,
  operationTypeSchema,
  paramListSchema,
  readGolden,
  repositorySchema,
  singleCell,
  summarySchema,
  tensorSchema,
  type GoldenArch,
} from '../testing/golden.ts';
import { Learner, lossAndGradients, prepareBatch, type Trial } from '../learning/reinforce.ts';
import type { GcnConfig } from './networks/gcn.ts';
import { gcnFeatures, gcnForward, gcnHidden } from './networks/gcn.ts';
import { gcnBatch, gcnRows } from './networks/gcn-graph.ts';
import { presets } from '../learning/presets.ts';
import { createEnvironment, type Environment } from '../mdp/environment.ts';

const tf = loadTensorflow();

function checkpointOf(config: GcnConfig, parameters: PolicyCheckpoint['parameters'], baseline = 0): PolicyCheckpoint {
  const { moments } = initialAdamState(new Map([...parameters].map(([name, { data }]) => [name, data])));
  return { config, parameters, moments, step: 0, baseline };
}

function official(architecture: Architecture, { scheme }: GcnConfig): Environment {
  return createEnvironment(architecture, { scheme, mode: 'official' });
}

/** The operation indices that actions lead to, in the official form. */
function resultArch(environment: Environment, arch: GoldenArch, actions: readonly number[], primitives: readonly PrimitiveName[]): GoldenArch {
  return arch.map(([, from, to], d) => [primitives.indexOf(environment.target(d, actions[d]!)), from, to]);
}

const knownFiles = [
  'policy_forward_nat.json',
  'policy_forward_natv2.json',
  'policy_gradient_nat.json',
  'policy_gradient_natv2.json',
  'transform_nat.json',
  'transform_natv2.json',
] as const;

it('knows every policy and transform file that is there', () => {
  const found = readdirSync(goldenDirectory).filter((name) => /^(policy|transform)/.test(name)).sort(); // prettier-ignore
  expect(found).toEqual([...knownFiles].sort());
});

it('fill() gives the values of fill.json', () => {
  const schema = z.strictObject({
    part: z.literal('fill'),
    probe_seed: z.literal(4242),
    cases: z.array(z.strictObject({ seed: z.number(), u24: z.array(z.number()), scale: z.number(), offset: z.number(), values: tensorSchema })).min(1),
  });
  for (const { seed, scale, offset, values, u24 } of readGolden('fill.json', schema).cases) {
    expect([...fill(values.data.length, seed, scale, offset)]).toEqual(values.data.map(Math.fround));
    expect([...fill(u24.length, seed, 1, 0)]).toEqual(u24.map((u) => Math.fround(2 * (u / 2 ** 24) - 1)));
  }
});

const sizeFields = { config: configSchema, params: z.record(z.string(), tensorSchema).optional(), param_list: paramListSchema.optional() };

describe('A: forward', () => {
  const common = {
    name: z.string(),
    arch: archSchema,
    arch_named: namedArchSchema,
    actions: z.array(z.number()),
    op_pairs: z.array(z.tuple([z.number(), z.number()])),
    adj: tensorSchema,
    new_arch: archSchema,
    new_arch_named: namedArchSchema,
    logits: tensorSchema,
    log_p: z.number(),
    entropy: z.number(),
    x_hidden: tensorSchema.optional(),
    x: tensorSchema.optional(),
    x_first8: tensorSchema.optional(),
    x_summary: summarySchema.optional(),
    gc1_pre_relu: tensorSchema,
    gc2: tensorSchema,
    softmax: tensorSchema.optional(),
    probs_plus_eps: tensorSchema.optional(),
    log_probs: tensorSchema.optional(),
    edges: z
      .array(
        z.strictObject({
          op: z.string(),
          allowed: z.array(z.number()),
          masked_logits: tensorSchema,
          probs_plus_eps: tensorSchema,
          log_probs: tensorSchema,
          action: z.number(),
          new_op: z.number(),
        }),
      )
      .optional(),
  };
  const size = z.strictObject({ ...sizeFields, cases: z.array(z.strictObject(common)).min(1) });
  const file = z.strictObject({
    part: z.literal('A policy forward'),
    repo: repositorySchema,
    transform_primitives: z.array(z.string()).optional(),
    sets: z.array(z.strictObject({ op_type: operationTypeSchema, steps: z.number(), primitives: z.array(z.string()), small: size, official: size })).min(1),
  });

  for (const name of ['policy_forward_nat.json', 'policy_forward_natv2.json'] as const) {
    const { repo, sets, transform_primitives: actionNames } = readGolden(name, file);
    if (repo === 'NAT') it(`${repo}: order of the actions`, () => expect(actionNames).toEqual(['null', 'same', 'skip_connect'])); // prettier-ignore
    for (const set of sets) {
      for (const scale of ['small', 'official'] as const) {
        const config = goldenConfig(repo, set.op_type, set[scale].config);
        const parameters = goldenParameters(set[scale]);
        const policy = new PolicyInference(checkpointOf(config, parameters));
        it(`${repo} ${set.op_type} ${scale}: order of the operations`, () => {
          expect(config.primitives).toEqual(set.primitives);
        });
        for (const example of set[scale].cases) {
          it(`${repo} ${set.op_type} ${scale}: ${example.name}`, () => {
            checkForward(config, parameters, policy, example, repo);
          });
        }
      }
    }
  }

  function checkForward(
    config: GcnConfig,
    parameters: PolicyCheckpoint['parameters'],
    policy: PolicyInference,
    example: z.infer<z.ZodObject<typeof common>>,
    repo: string,
  ): void {
    const { primitives } = config;
    expect(example.arch.map(([op, from, to]) => [primitives[op], from, to])).toEqual(example.arch_named);
    const environment = official(singleCell(goldenCell('cell', example.arch, primitives)), config);
    const rows = gcnRows(environment, config);
    expect(Array.from(rows.first, (op, i) => [op, rows.second[i]])).toEqual(example.op_pairs);
    const adjacency = new Array<number>(example.adj.data.length).fill(0);
    rows.from.forEach((from, e) => (adjacency[rows.to[e]! * example.adj.shape[1]! + from]! += 1));
    expect(adjacency).toEqual(example.adj.data);

    const activations = tf.tidy(() => {
      const tensors = Object.fromEntries([...parameters].map(([key, { shape, data }]) => [key, tf.tensor(data, [...shape])]));
      const batch = gcnBatch(tf, [rows]);
      const hidden = gcnHidden(tf, tensors, batch);
      const x = gcnFeatures(tf, tensors, hidden);
      const { gc1, gc2, logits } = gcnForward(tf, config, tensors, batch);
      const first8 = x.slice([0, 0], [-1, 8]);
      return Object.fromEntries(Object.entries({ hidden, x, first8, gc1, gc2, logits }).map(([key, tensor]) => [key, tensor.dataSync<'float32'>()]));
    }) as unknown as Record<'hidden' | 'x' | 'first8' | 'gc1' | 'gc2' | 'logits', Float32Array>;
    if (example.x_hidden !== undefined) expectTensor(activations.hidden, example.x_hidden, 'x_hidden');
    if (example.x !== undefined) expectTensor(activations.x, example.x, 'x');
    if (example.x_first8 !== undefined) expectTensor(activations.first8, example.x_first8, 'x_first8');
    if (example.x_summary !== undefined) expectSummary(activations.x, example.x_summary, 'x_summary');
    expectTensor(activations.gc1, example.gc1_pre_relu, 'gc1_pre_relu');
    expectTensor(activations.gc2, example.gc2, 'gc2');
    expectTensor(activations.logits, example.logits, 'logits');

    const { logProb, entropy } = lossAndGradients(
      tf,
      config,
      parameters,
      prepareBatch([{ environment, actions: example.actions, reward: 0 }]),
      Float64Array.of(0),
      [0],
    );
    expectScalar(logProb, example.log_p, 'log_p');
    expectScalar(entropy, example.entropy, 'entropy');
    expect(resultArch(environment, example.arch, example.actions, primitives)).toEqual(example.new_arch);
    expect(example.new_arch.map(([op, from, to]) => [primitives[op], from, to])).toEqual(example.new_arch_named);

    const { candidateStart } = environment;
    const probabilities = Array.from({ length: environment.decisions }, (_, d) =>
      distribution(policy.scores(environment).subarray(candidateStart[d], candidateStart[d + 1])),
    );
    if (repo === 'NAT') {
      expectTensor(policy.scores(environment), example.logits, 'compiled logits');
      expectTensor(probabilities.flatMap(({ softmax }) => softmax), example.softmax!, 'softmax'); // prettier-ignore
      expectTensor(probabilities.flatMap(({ q }) => q), example.probs_plus_eps!, 'probs_plus_eps'); // prettier-ignore
      expectTensor(probabilities.flatMap(({ logQ }) => logQ), example.log_probs!, 'log_probs'); // prettier-ignore
      return;
    }
    expect(example.edges!.length).toBe(environment.decisions);
    example.edges!.forEach((edge, d) => {
      expect(Array.from(environment.space.row(d), (_, action) => primitives.indexOf(environment.target(d, action)))).toEqual(edge.allowed);
      expect(primitives[example.arch[d]![0]]).toBe(edge.op);
      expectTensor(policy.scores(environment).subarray(candidateStart[d], candidateStart[d + 1]), edge.masked_logits, `edge ${d}: compiled logits`);
      expectTensor(probabilities[d]!.q, edge.probs_plus_eps, `edge ${d}: probs_plus_eps`);
      expectTensor(probabilities[d]!.logQ, edge.log_probs, `edge ${d}: log_probs`);
      expect(edge.action).toBe(example.actions[d]);
      expect(primitives.indexOf(environment.target(d, edge.action))).toBe(edge.new_op);
    });
  }

  function distribution(scores: Float64Array): { softmax: number[]; q: number[]; logQ: number[] } {
    const exponentials = Array.from(scores, Math.exp);
    const sum = exponentials.reduce((a, b) => a + b, 0);
    const softmax = exponentials.map((value) => value / sum);
    const q = softmax.map((value) => value + 1e-5);
    return { softmax, q, logQ: q.map(Math.log) };
  }
});

describe('B: gradients and Adam steps', () => {
  const pair = {
    arch_normal: archSchema,
    arch_reduce: archSchema,
    actions_normal: z.array(z.number()),
    actions_reduce: z.array(z.number()),
    batch: z.number(),
    n_right_old: z.number(),
    n_right_new: z.number(),
    acc_old: z.number(),
    acc_new: z.number(),
    new_normal: archSchema,
    logp_normal: z.number(),
    ent_normal: z.number(),
    new_reduce: archSchema,
    logp_reduce: z.number(),
    ent_reduce: z.number(),
  };
  const gradient = z.union([tensorSchema, z.strictObject({ ...summarySchema.shape, full: tensorSchema.optional() })]);
  const gradientCase = z.strictObject({
    ...pair,
    name: z.string(),
    baseline: z.number(),
    entropy_coeff: z.tuple([z.number(), z.number()]),
    reward: z.number(),
    loss: z.number(),
    optim_accuracy: z.number(),
    grads: z.record(z.string(), gradient),
  });
  const step = z.strictObject({ ...pair, baseline_before: z.number(), baseline_after: z.number(), params_after: z.record(z.string(), gradient) });
  const size = z.strictObject({ ...sizeFields, cases: z.array(gradientCase).min(1), adam_steps: z.array(step).min(1) });
  const file = z.strictObject({
    part: z.literal('B policy gradient'),
    repo: repositorySchema,
    adam: z.strictObject({ lr: z.number(), betas: z.tuple([z.number(), z.number()]), eps: z.number(), weight_decay: z.number() }),
    gamma: z.number(),
    sets: z.array(z.strictObject({ op_type: operationTypeSchema, steps: z.number(), targets: z.array(z.number()), small: size, official: size })).min(1),
  });

  for (const name of ['policy_gradient_nat.json', 'policy_gradient_natv2.json'] as const) {
    const { repo, sets, adam, gamma } = readGolden(name, file);
    it(`${repo}: the preset has the official hyper-parameters`, () => {
      const { learningRate, betas, weightDecay, baseline } = presets.nat;
      expect({ learningRate, betas, weightDecay, epsilon: 1e-8, decay: baseline.decay }).toEqual({
        learningRate: adam.lr,
        betas: adam.betas,
        weightDecay: adam.weight_decay,
        epsilon: adam.eps,
        decay: gamma,
      });
    });
    for (const set of sets) {
      for (const scale of ['small', 'official'] as const) {
        const config = goldenConfig(repo, set.op_type, set[scale].config);
        for (const example of set[scale].cases) {
          it(`${repo} ${set.op_type} ${scale}: ${example.name}`, () => {
            checkGradient(config, goldenParameters(set[scale]), example);
          });
        }
        it(`${repo} ${set.op_type} ${scale}: ${set[scale].adam_steps.length} Adam steps`, async () => {
          await checkSteps(config, goldenParameters(set[scale]), set[scale].adam_steps);
        });
      }
    }
  }

  function trialOf(config: GcnConfig, example: z.infer<z.ZodObject<typeof pair>>): Trial {
    const cells = [goldenCell('normal', example.arch_normal, config.primitives), goldenCell('reduce', example.arch_reduce, config.primitives)];
    const environment = official({ cells, skeleton: { kind: 'repeated' } }, config);
    const actions = [...example.actions_normal, ...example.actions_reduce];
    const half = example.arch_normal.length;
    const reached = resultArch(environment, [...example.arch_normal, ...example.arch_reduce], actions, config.primitives);
    expect([reached.slice(0, half), reached.slice(half)]).toEqual([example.new_normal, example.new_reduce]);
    expectScalar(example.acc_old, example.n_right_old / example.batch, 'acc_old');
    expectScalar(example.acc_new, example.n_right_new / example.batch, 'acc_new');
    return { environment, actions, reward: example.acc_new - example.acc_old };
  }

  function checkGradient(config: GcnConfig, parameters: PolicyCheckpoint['parameters'], example: z.infer<typeof gradientCase>): void {
    const trial = trialOf(config, example);
    const reward = trial.reward - example.baseline;
    expectScalar(reward, example.reward, 'reward');
    const { loss, logProb, entropy, gradients } = lossAndGradients(
      tf,
      config,
      parameters,
      prepareBatch([trial]),
      Float64Array.of(reward),
      example.entropy_coeff,
    );
    expectScalar(logProb, example.logp_normal + example.logp_reduce, 'log_p');
    expectScalar(entropy, example.ent_normal + example.ent_reduce, 'entropy');
    expectScalar(loss, example.loss, 'loss');
    expect([...gradients.keys()].sort()).toEqual(Object.keys(example.grads).sort());
    for (const [name, expected] of Object.entries(example.grads)) compare(gradients.get(name)!, expected, `gradient of ${name}`);
  }

  function compare(actual: Float32Array, expected: z.infer<typeof gradient>, what: string): void {
    if ('data' in expected) {
      expectTensor(actual, expected, what);
      return;
    }
    expectSummary(actual, expected, what);
    if (expected.full !== undefined) expectTensor(actual, expected.full, what);
  }

  async function checkSteps(config: GcnConfig, parameters: PolicyCheckpoint['parameters'], steps: readonly z.infer<typeof step>[]): Promise<void> {
    const learner = await Learner.restore(checkpointOf(config, parameters), presets.nat);
    for (const [i, example] of steps.entries()) {
      expectScalar(learner.checkpoint().baseline, example.baseline_before, `step ${i + 1}: baseline before`);
      learner.step([trialOf(config, example)]);
      const after = learner.checkpoint();
      expectScalar(after.baseline, example.baseline_after, `step ${i + 1}: baseline`);
      for (const [name, expected] of Object.entries(example.params_after)) compare(after.parameters.get(name)!.data, expected, `step ${i + 1}: ${name}`);
    }
    learner.dispose();
  }
});

describe('C: transforms', () => {
  const genotype = z.strictObject({ normal: namedArchSchema, normal_concat: z.array(z.number()), reduce: namedArchSchema, reduce_concat: z.array(z.number()) });
  const file = z.strictObject({
    part: z.literal('C transformation'),
    repo: repositorySchema,
    primitives: z.record(operationTypeSchema, z.array(z.string())),
    genotypes: z.record(z.string(), genotype),
    pairs: z
      .array(
        z.strictObject({
          name: z.string(),
          op_type: operationTypeSchema,
          arch: archSchema,
          arch_named: namedArchSchema,
          actions: z.array(z.number()),
          result: archSchema,
          result_named: namedArchSchema,
        }),
      )
      .min(1),
    published: z.array(
      z.strictObject({
        source: z.string(),
        target: z.string(),
        cell: z.enum(['normal', 'reduce']),
        source_named: namedArchSchema,
        target_named: namedArchSchema,
        actions: z.array(z.number().nullable()),
        reachable: z.boolean(),
        problems: z.array(z.unknown()),
        same_concat: z.boolean(),
      }),
    ),
    round_trips: z.array(
      z.strictObject({
        genotype: z.string(),
        op_type: operationTypeSchema,
        arch_normal: archSchema,
        arch_reduce: archSchema,
        with_default_concat: genotype,
        with_given_concat: genotype,
      }),
    ),
    transform_primitives: z.array(z.string()).optional(),
    transition_table: z.record(operationTypeSchema, z.record(z.string(), z.array(z.string()))),
    transition_index: z.record(operationTypeSchema, z.record(z.string(), z.array(z.number()))).optional(),
  });

  for (const name of ['transform_nat.json', 'transform_natv2.json'] as const) {
    const golden = readGolden(name, file);
    const scheme = golden.repo === 'NAT' ? 'nat' : 'nat++';
    const configOf = (type: z.infer<typeof operationTypeSchema>): GcnConfig => goldenConfig(golden.repo, type, { edge_hid: 1, nfeat: 1, gcn_hid: 1 });

    it(`${golden.repo}: primitives and transition tables`, () => {
      if (golden.repo === 'NAT') expect(golden.transform_primitives).toEqual(['null', 'same', 'skip_connect']);
      for (const type of operationTypeSchema.options) {
        const { primitives } = configOf(type);
        expect(primitives).toEqual(golden.primitives[type]);
        for (const [from, targets] of Object.entries(golden.transition_table[type])) {
          expect(transitionRow(scheme, from as PrimitiveName), from).toEqual(targets);
          const indices = golden.transition_index?.[type][from];
          if (indices !== undefined) expect(targets.map((target) => primitives.indexOf(target as PrimitiveName)), from).toEqual(indices); // prettier-ignore
        }
      }
    });

    it.each(golden.pairs.map((pair, i) => [`${i} ${pair.name}`, pair] as const))(`${golden.repo} pair %s`, (_, pair) => {
      const config = configOf(pair.op_type);
      const environment = official(singleCell(goldenCell('cell', pair.arch, config.primitives)), config);
      expect(pair.arch.map(([op, from, to]) => [config.primitives[op], from, to])).toEqual(pair.arch_named);
      const result = resultArch(environment, pair.arch, pair.actions, config.primitives);
      expect(result).toEqual(pair.result);
      expect(result.map(([op, from, to]) => [config.primitives[op], from, to])).toEqual(pair.result_named);
    });

    it.each(golden.published.map((entry) => [`${entry.source} -> ${entry.target} ${entry.cell}`, entry] as const))(
      `${golden.repo} published %s`,
      (_, entry) => {
        expect(golden.genotypes[entry.source]![entry.cell]).toEqual(entry.source_named);
        expect(golden.genotypes[entry.target]![entry.cell]).toEqual(entry.target_named);
        const reached = entry.source_named.map(([operation, from, to], d) => {
          const action = entry.actions[d];
          return [action == null ? undefined : transitionRow(scheme, operation as PrimitiveName)[action], from, to];
        });
        if (entry.reachable) expect(reached).toEqual(entry.target_named);
        else expect(reached).not.toEqual(entry.target_named);
        expect(entry.reachable).toBe(entry.problems.length === 0);
      },
    );

    it.each(golden.round_trips.map((entry) => [`${entry.genotype} ${entry.op_type}`, entry] as const))(`${golden.repo} round trip %s`, (_, entry) => {
      const { primitives } = configOf(entry.op_type);
      const cells = [goldenCell('normal', entry.arch_normal, primitives), goldenCell('reduce', entry.arch_reduce, primitives)];
      const text = (genotypeOf: z.infer<typeof genotype>): string =>
        `Genotype(normal=${tuples(genotypeOf.normal)}, normal_concat=${JSON.stringify(genotypeOf.normal_concat)}, reduce=${tuples(genotypeOf.reduce)}, reduce_concat=${JSON.stringify(genotypeOf.reduce_concat)})`;
      const written = readGenotype(writeGenotype({ cells, skeleton: { kind: 'repeated' } }));
      expect(written.cells).toEqual(readGenotype(text(entry.with_default_concat)).cells);
      const given = readGenotype(text(entry.with_given_concat));
      expect(given.cells.map(({ edges }) => edges)).toEqual(cells.map(({ edges }) => edges));
    });
  }

  function tuples(arch: z.infer<typeof namedArchSchema>): string {
    return `[${arch.map(([operation, from]) => `('${operation}', ${from})`).join(', ')}]`;
  }
});
