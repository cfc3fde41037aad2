import { readNasBench201 } from '@nat/cells';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { fitKernelRegression } from './kernel-regression.ts';
import { pathFeatures } from './path-features.ts';
import { REWARD_MODEL, RewardModel, RIDGE, type Observation } from './reward-model.ts';

const OPERATIONS = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];

function cell(stream: RandomStream): string {
  const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => OPERATIONS[stream.integer(5)]!);
  return `|${a}~0|+|${b}~0|${c}~1|+|${d}~0|${e}~1|${f}~2|`;
}

describe('pathFeatures', () => {
  it('count live paths by what they compute', () => {
    const features = pathFeatures(readNasBench201('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|'), 'paths');
    // 0-3 by the pool; 0-1-2-3 by conv 3x3, skip, conv 1x1; the others hold a null.
    expect(Object.fromEntries(features)).toEqual({
      '0 path in0 avg_pool_3x3': 1,
      '0 path in0 conv_3x3 conv_1x1': 1,
      '0 length 2': 1,
      '0 length 3': 1,
      '0 all': 2,
    });
  });

  it('are the same where skips stand elsewhere on the same paths', () => {
    const one = readNasBench201('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|');
    const other = readNasBench201('|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|');
    expect(pathFeatures(one, 'paths')).toEqual(pathFeatures(other, 'paths'));
    expect(pathFeatures(one, 'paths-and-edges')).not.toEqual(pathFeatures(other, 'paths-and-edges'));
  });
});

describe('fitKernelRegression', () => {
  const stream = RandomStream.of('regression');
  const x = Array.from({ length: 40 }, () => Float64Array.from({ length: 3 }, () => stream.normal()));

  it('finds a linear function, and leaves a constant column out', () => {
    const y = x.map(([a, b, c]) => 2 + 3 * a! - b! + 0.5 * c!);
    const f = fitKernelRegression(x.map((row) => Float64Array.of(...row, 7)), y, { kernel: 'linear', lambda: 1e-9 }); // prettier-ignore
    expect(f(Float64Array.of(1, -1, 2, 7))).toBeCloseTo(2 + 3 + 1 + 1, 5);
  });

  it('goes through its points where nothing is penalised, and shrinks to their mean where all is', () => {
    const y = x.map(([a, b]) => Math.sin(3 * a!) * b!);
    const close = fitKernelRegression(x, y, { kernel: 'matern32', lambda: 1e-9 });
    x.forEach((row, i) => expect(close(row)).toBeCloseTo(y[i]!, 5)); // prettier-ignore
    const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
    expect(fitKernelRegression(x, y, { kernel: 'matern32', lambda: 1e9 })(x[0]!)).toBeCloseTo(mean, 5);
  });
});

describe('RewardModel', () => {
  const valueOf = (text: string): number => {
    const features = pathFeatures(readNasBench201(text), 'paths');
    return features.has('0 all') ? 90 - 5 * Number(!features.has('0 length 3')) + (features.get('0 path in0 conv_3x3 conv_3x3') ?? 0) : 10;
  };
  const stream = RandomStream.of('observations');
  const observe = (): Observation & { readonly value: number } => {
    const text = cell(stream);
    return { architecture: readNasBench201(text), value: valueOf(text) };
  };
  const observed = Array.from({ length: 300 }, observe);
  const fresh = Array.from({ length: 200 }, observe);

  it.each([
    ['reward model', REWARD_MODEL, 0.85],
    ['ridge', RIDGE, 0.75],
  ] as const)('%s orders architectures it has not seen', (_, options, least) => {
    const model = new RewardModel(observed, options);
    const predicted = fresh.map(({ architecture }) => model.predict(architecture));
    let agree = 0;
    let all = 0;
    for (let i = 0; i < fresh.length; i++) {
      for (let k = 0; k < i; k++) {
        const difference = fresh[i]!.value - fresh[k]!.value;
        if (difference === 0) continue;
        all++;
        if (difference * (predicted[i]! - predicted[k]!) > 0) agree++;
      }
    }
    expect(agree / all).toBeGreaterThan(least);
  });

  it('refuses nothing to learn from, and values that are none', () => {
    expect(() => new RewardModel([])).toThrow(expect.objectContaining({ reason: 'NO_OBSERVATIONS' }));
    expect(() => new RewardModel([{ ...observed[0]!, value: NaN }])).toThrow(expect.objectContaining({ reason: 'REWARD' }));
  });
});
