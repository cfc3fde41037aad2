import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { MomentumSgd, cosineRate } from './sgd.ts';
import { loadTensorflow } from '../tensorflow.ts';
import type { Variable } from '../tensorflow-types.ts';

const tf = loadTensorflow();
const OPTIONS = { momentum: 0.9, weightDecay: 0.01 };

/** Gradients that depend on the parameters, so that a parameter that is out of date shows. */
function gradientOf(p: readonly number[], step: number): number[] {
  return p.map((value, i) => Math.sin(step + i) + 0.3 * value);
}

/** The definition, one step after the other, in double precision. */
function reference(start: Record<string, number[]>, steps: { names: string[]; rate: number }[], clipNorm = Infinity): Record<string, number[]> {
  const p = structuredClone(start);
  const v: Record<string, number[]> = {};
  steps.forEach(({ names, rate }, t) => {
    const gradients = Object.fromEntries(names.map((name) => [name, gradientOf(p[name]!, t)]));
    const norm = Math.sqrt(
      Object.values(gradients)
        .flat()
        .reduce((sum, g) => sum + g * g, 0),
    );
    const scale = Math.min(1, clipNorm / (norm + 1e-6));
    for (const name of names) v[name] ??= p[name]!.map(() => 0);
    for (const name of Object.keys(v)) {
      v[name] = v[name]!.map((value, i) => 0.9 * value + (gradients[name]?.[i] ?? 0) * scale + 0.01 * p[name]![i]!);
      p[name] = p[name]!.map((value, i) => value - rate * v[name]![i]!);
    }
  });
  return p;
}

function run(sgd: MomentumSgd, variables: Record<string, Variable>, steps: { names: string[]; rate: number }[], first = 0): void {
  steps.forEach(({ names, rate }, i) => {
    sgd.catchUp(new Map(names.map((name) => [name, variables[name]!])));
    tf.tidy(() => {
      const gradients = Object.fromEntries(names.map((name) => [name, tf.tensor1d(gradientOf([...variables[name]!.dataSync()], first + i))]));
      sgd.step(new Map(names.map((name) => [name, variables[name]!])), gradients, rate);
    });
  });
}

const START = { a: [1, -2, 0.5], b: [0.3], c: [2, 2], never: [7] };
const random = RandomStream.of('sgd');
const SCHEDULE = Array.from({ length: 40 }, (_, t) => ({
  names: ['a', 'b', 'c'].filter(() => random.uniform() < 0.4),
  rate: cosineRate(0.1, 0.001, t, 40),
})).filter(({ names }) => names.length > 0);

function variablesOf(start: Record<string, number[]>): Record<string, Variable> {
  return Object.fromEntries(Object.entries(start).map(([name, values]) => [name, tf.tidy(() => tf.variable(tf.tensor1d(values)))]));
}

function valuesOf(variables: Record<string, Variable>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, [...variable.dataSync()]]));
}

describe('MomentumSgd', () => {
  it.each([undefined, 1])('agrees with the definition step by step, clipNorm %s', (clipNorm) => {
    const before = tf.memory().numTensors;
    const variables = variablesOf(START);
    const sgd = new MomentumSgd(tf, clipNorm === undefined ? OPTIONS : { ...OPTIONS, clipNorm });
    run(sgd, variables, SCHEDULE);
    sgd.catchUp(new Map(Object.entries(variables)));
    const expected = reference(START, SCHEDULE, clipNorm);
    for (const [name, values] of Object.entries(valuesOf(variables))) values.forEach((value, i) => expect(value).toBeCloseTo(expected[name]![i]!, 4));
    expect(valuesOf(variables)['never']).toEqual([7]);
    sgd.dispose();
    tf.dispose(Object.values(variables));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('resumes bit for bit in the middle, with parameters that are not caught up', () => {
    const whole = variablesOf(START);
    const sgd = new MomentumSgd(tf, OPTIONS);
    run(sgd, whole, SCHEDULE);

    const half = variablesOf(START);
    const first = new MomentumSgd(tf, OPTIONS);
    run(first, half, SCHEDULE.slice(0, 11));
    const resumed = variablesOf(valuesOf(half));
    const second = new MomentumSgd(tf, OPTIONS);
    second.importState(structuredClone(first.exportState()));
    expect(second.exportState()).toEqual(first.exportState());
    run(second, resumed, SCHEDULE.slice(11), 11);

    expect(second.steps).toBe(SCHEDULE.length);
    expect(valuesOf(resumed)).toEqual(valuesOf(whole));
    expect(second.exportState()).toEqual(sgd.exportState());
    for (const optimizer of [sgd, first, second]) optimizer.dispose();
    tf.dispose([whole, half, resumed]);
  });

  it('goes on bit for bit after it has settled, with one learning rate to remember', () => {
    // Always all parameters, of which some have no gradient: none is more than a step behind.
    const everyStep = (settleAfter: number): [Record<string, number[]>, ReturnType<MomentumSgd['exportState']>] => {
      const variables = variablesOf(START);
      const sgd = new MomentumSgd(tf, OPTIONS);
      const all = new Map(Object.entries(variables));
      SCHEDULE.forEach(({ names, rate }, t) => {
        sgd.catchUp(all);
        tf.tidy(() => {
          sgd.step(all, Object.fromEntries(names.map((name) => [name, tf.tensor1d(gradientOf([...variables[name]!.dataSync()], t))])), rate);
        });
        if (t === settleAfter) {
          sgd.settle(all);
          expect(sgd.exportState().rates).toEqual([[rate, t + 1]]);
        }
      });
      sgd.settle(all);
      const result: [Record<string, number[]>, ReturnType<MomentumSgd['exportState']>] = [valuesOf(variables), sgd.exportState()];
      sgd.dispose();
      tf.dispose(Object.values(variables));
      return result;
    };
    expect(everyStep(10)).toEqual(everyStep(-1));
  });

  it('keeps the learning rates that a parameter left out still needs', () => {
    const variables = variablesOf(START);
    const sgd = new MomentumSgd(tf, OPTIONS);
    run(sgd, variables, SCHEDULE.slice(0, 11));
    sgd.settle(new Map([['never', variables['never']!]]));
    expect(sgd.exportState().rates).toHaveLength(11);
    sgd.dispose();
    tf.dispose(Object.values(variables));
  });

  it('decays a parameter whose gradient is zero', () => {
    const variables = variablesOf({ a: [1] });
    const sgd = new MomentumSgd(tf, OPTIONS);
    sgd.step(new Map(Object.entries(variables)), {}, 0.1);
    expect(valuesOf(variables)['a']).toEqual([1]);
    sgd.catchUp(new Map(Object.entries(variables)));
    expect(valuesOf(variables)['a']![0]).toBeCloseTo(1 - 0.1 * 0.01, 6);
    sgd.dispose();
    tf.dispose(Object.values(variables));
  });

  it('refuses a step on a parameter that is behind', () => {
    const variables = variablesOf({ a: [1], b: [1] });
    const sgd = new MomentumSgd(tf, OPTIONS);
    run(sgd, variables, [
      { names: ['a'], rate: 0.1 },
      { names: ['b'], rate: 0.1 },
    ]);
    expect(() => {
      tf.tidy(() => sgd.step(new Map([['a', variables['a']!]]), { a: tf.tensor1d([1]) }, 0.1));
    }).toThrow(/a has missed 1 steps/);
    sgd.dispose();
    tf.dispose(Object.values(variables));
  });
});

describe('cosineRate', () => {
  it('goes from one rate to the other', () => {
    expect(cosineRate(0.1, 0.02, 0, 10)).toBeCloseTo(0.1);
    expect(cosineRate(0.1, 0.02, 5, 10)).toBeCloseTo(0.06);
    expect(cosineRate(0.1, 0.02, 12, 10)).toBeCloseTo(0.02);
  });
});
