import { officialSpace, lower, type Architecture, type OfficialRepository, type OperationType } from '@nat/cells';
import { MomentumSgd, crossEntropy, loadTensorflow, type HostTensor, type Tensor2D } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import {
  architectureOf,
  differentiate,
  expectGradients,
  expectParameters,
  expectSummary,
  expectTensor,
  fillImages,
  fillParameters,
  host,
  readGolden,
  type FillSpec,
  type GoldenEdge,
  type GoldenTensor,
  type ParameterFill,
  type Summary,
} from '../testing/golden-vectors.ts';
import { buildNetwork, type Network, type NetworkOutput } from './network.ts';
import { Weights } from './weights.ts';

const tf = loadTensorflow();

interface Genotype {
  readonly normal: readonly GoldenEdge[];
  readonly reduce: readonly GoldenEdge[];
  readonly normal_concat: readonly number[];
  readonly reduce_concat: readonly number[];
}
const GENOTYPES: Readonly<Record<OfficialRepository, Readonly<Record<string, Genotype>>>> = {
  NAT: (readGolden('transform_nat.json') as { genotypes: Record<string, Genotype> }).genotypes,
  NATv2: (readGolden('transform_natv2.json') as { genotypes: Record<string, Genotype> }).genotypes,
};

interface EvaluationCase {
  readonly repo: OfficialRepository;
  readonly network: string;
  readonly genotype: string;
  readonly C: number;
  readonly layers: number;
  readonly auxiliary: boolean;
  readonly input: FillSpec;
  readonly targets: readonly number[];
  readonly params: readonly ParameterFill[];
  readonly logits: GoldenTensor;
  readonly loss: number;
  readonly logits_aux?: GoldenTensor;
  readonly loss_aux?: number;
  readonly loss_total_0p4?: number;
  readonly grads: Readonly<Record<string, Summary>>;
  readonly eval_logits_after_one_train_forward: GoldenTensor;
}

function expectScalar(actual: number, expected: number, what: string): void {
  expect(Math.abs(actual - expected), what).toBeLessThanOrEqual(1e-4 * Math.max(Math.abs(expected), 1e-2));
}

function keepOutput(output: NetworkOutput): NetworkOutput {
  tf.keep(output.logits);
  if (output.auxiliaryLogits !== undefined) tf.keep(output.auxiliaryLogits);
  return output;
}

describe('evaluation networks', () => {
  const { cases } = readGolden('networks_eval.json') as { cases: readonly EvaluationCase[] };
  const kinds: Readonly<Record<string, 'evaluation' | 'imagenet'>> = { NetworkCIFAR: 'evaluation', NetworkImageNet: 'imagenet' };

  it('knows every kind of case', () => {
    expect(cases.map(({ network }) => network).filter((network) => !Object.hasOwn(kinds, network))).toEqual([]);
  });

  it.each(cases)('$repo $network $genotype, C $C, $layers layers, auxiliary $auxiliary', (one) => {
    const before = tf.memory().numTensors;
    const genotype = GENOTYPES[one.repo][one.genotype]!;
    const architecture = architectureOf(genotype, { normalConcat: genotype.normal_concat, reduceConcat: genotype.reduce_concat });
    const placement = { network: kinds[one.network]!, channels: one.C, layers: one.layers, imageSize: one.input.shape[2]!, classes: 10 } as const;
    const network = buildNetwork(lower(architecture, placement), lower(architecture, placement, { auxiliary: one.auxiliary }));
    expectParameters(network.parameters, one.params);
    const weights = new Weights(tf, 0);
    weights.restore(fillParameters(one.params));
    tf.tidy(() => {
      const targets = tf.tensor1d([...one.targets], 'int32');
      const images = fillImages(tf, one.input);
      let output: NetworkOutput | undefined;
      const { value, gradients } = differentiate(tf, weights, network.parameters, [], () => {
        output = keepOutput(network.apply({ tf, weights, mode: 'train' }, images));
        const loss = crossEntropy(tf, output.logits, targets);
        return output.auxiliaryLogits === undefined ? loss : tf.add(loss, tf.mul(crossEntropy(tf, output.auxiliaryLogits, targets), 0.4));
      });
      const { logits, auxiliaryLogits } = output!;
      expectTensor(host(logits), one.logits, 'logits');
      expectScalar(crossEntropy(tf, logits, targets).dataSync()[0]!, one.loss, 'loss');
      expect(auxiliaryLogits !== undefined).toBe(one.auxiliary);
      if (auxiliaryLogits !== undefined) {
        expectTensor(host(auxiliaryLogits), one.logits_aux!, 'logits_aux');
        expectScalar(crossEntropy(tf, auxiliaryLogits, targets).dataSync()[0]!, one.loss_aux!, 'loss_aux');
        auxiliaryLogits.dispose();
      }
      logits.dispose();
      expectScalar(value, one.loss_total_0p4 ?? one.loss, 'loss_total');
      expectGradients(gradients, one.grads);
      const evaluated = network.apply({ tf, weights, mode: 'eval' }, images);
      expect(evaluated.auxiliaryLogits).toBeUndefined();
      expectTensor(host(evaluated.logits), one.eval_logits_after_one_train_forward, 'eval_logits');
    });
    weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

interface SupernetStep {
  readonly arch_normal: readonly GoldenEdge[];
  readonly arch_reduce: readonly GoldenEdge[];
  readonly input: FillSpec;
  readonly targets: readonly number[];
  readonly logits: GoldenTensor;
  readonly loss: number;
}
interface SupernetRun extends Omit<SupernetStep, 'targets'> {
  readonly name: string;
  readonly top1_percent: number;
  readonly grads: Readonly<Record<string, Summary>>;
}
interface SupernetCase {
  readonly repo: OfficialRepository;
  readonly op_type: OperationType;
  readonly loose_end: boolean;
  readonly C: number;
  readonly layers: number;
  readonly targets: readonly number[];
  readonly params: readonly ParameterFill[];
  readonly runs: readonly SupernetRun[];
  readonly sgd_three_steps?: {
    readonly lr: number;
    readonly momentum: number;
    readonly weight_decay: number;
    readonly steps: readonly SupernetStep[];
    readonly params_change: Readonly<Record<string, Summary>>;
    readonly unchanged_params: readonly string[];
  };
}

describe('supernets', () => {
  const { cases } = readGolden('networks_super.json') as { cases: readonly SupernetCase[] };
  const known = 'C layers loose_end op_type params params_MB repo runs sgd_three_steps steps targets'.split(' ');

  it('knows every kind of case', () => {
    expect(cases.flatMap((one) => Object.keys(one)).filter((key) => !known.includes(key))).toEqual([]);
  });

  function sampledPath(one: SupernetCase, run: SupernetStep | SupernetRun): Network {
    const { primitives } = officialSpace(one.repo, one.op_type);
    const architecture: Architecture = architectureOf({ normal: run.arch_normal, reduce: run.arch_reduce }, { primitives, looseEnds: one.loose_end });
    const placement = { network: 'supernet', channels: one.C, layers: one.layers, imageSize: run.input.shape[2]!, classes: 10 } as const;
    const network = buildNetwork(lower(architecture, placement, { sharedOperations: primitives }));
    const shapes = new Map(one.params.map(([name, shape]) => [name, shape]));
    for (const { name, shape } of network.parameters) expect(shapes.get(name), name).toEqual(shape);
    return network;
  }

  const runs = cases.flatMap((one) => one.runs.map((run) => ({ one, run })));
  it.each(runs)('$one.repo $one.op_type: $run.name', ({ one, run }) => {
    const network = sampledPath(one, run);
    const weights = new Weights(tf, 0);
    weights.restore(fillParameters(one.params));
    tf.tidy(() => {
      const targets = tf.tensor1d([...one.targets], 'int32');
      const images = fillImages(tf, run.input);
      let logits: Tensor2D | undefined;
      const { value, gradients } = differentiate(tf, weights, network.parameters, [], () => {
        ({ logits } = keepOutput(network.apply({ tf, weights, mode: 'train' }, images)));
        return crossEntropy(tf, logits, targets);
      });
      expectTensor(host(logits!), run.logits, 'logits');
      expectScalar(value, run.loss, 'loss');
      const right = tf.sum(tf.cast(tf.equal(tf.argMax(logits!, 1), targets), 'float32')).dataSync()[0]!;
      expect((100 * right) / one.targets.length).toBeCloseTo(run.top1_percent, 4);
      logits!.dispose();
      expectGradients(gradients, run.grads);
    });
    weights.dispose();
  });

  it.each(cases.filter((one) => one.sgd_three_steps !== undefined))('$repo $op_type: three steps of SGD', (one) => {
    const { lr, momentum, weight_decay: weightDecay, steps, params_change: changes, unchanged_params: unchanged } = one.sgd_three_steps!;
    const before = tf.memory().numTensors;
    const initial = fillParameters(one.params);
    const weights = new Weights(tf, 0);
    weights.restore(initial);
    const sgd = new MomentumSgd(tf, { momentum, weightDecay, clipNorm: 5 });
    const sampled = new Map<string, Network['parameters'][number]>();
    for (const step of steps) {
      const network = sampledPath(one, step);
      for (const spec of network.parameters) sampled.set(spec.name, spec);
      tf.tidy(() => {
        const images = fillImages(tf, step.input);
        const targets = tf.tensor1d([...step.targets], 'int32');
        const parameters = weights.parameters(network.parameters);
        sgd.catchUp(parameters);
        const names = new Map([...parameters].map(([name, variable]) => [variable.name, name]));
        let logits: Tensor2D | undefined;
        const { value, grads } = tf.variableGrads(() => {
          ({ logits } = keepOutput(network.apply({ tf, weights, mode: 'train' }, images)));
          return crossEntropy(tf, logits, targets);
        }, [...parameters.values()]);
        expectTensor(host(logits!), step.logits, 'logits');
        logits!.dispose();
        expectScalar(value.dataSync()[0]!, step.loss, 'loss');
        sgd.step(parameters, Object.fromEntries(Object.entries(grads).map(([variable, gradient]) => [names.get(variable)!, gradient])), lr);
      });
    }
    sgd.catchUp(weights.parameters([...sampled.values()]));
    const after = weights.export();
    const change = (name: string): HostTensor => {
      const start = initial.get(name)!;
      return { shape: start.shape, data: after.get(name)!.data.map((value, i) => value - start.data[i]!) };
    };
    for (const [name, expected] of Object.entries(changes)) expectSummary(change(name), expected, name, 1e-3);
    for (const name of unchanged)
      expect(
        change(name).data.every((value) => value === 0),
        name,
      ).toBe(true);
    expect(Object.keys(changes).length + unchanged.length).toBe(one.params.length);
    sgd.dispose();
    weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
