import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { imageType } from '../graph/tensor-type.ts';
import { profile } from './profile.ts';

/** Builds small graphs; every image has 4 channels of 2 x 3 numbers unless a test says otherwise: 96 bytes. */
class Sample {
  readonly builder = new GraphBuilder();
  readonly x = this.builder.input('x', imageType(4, 2, 3));

  conv(name: string, from: Value, { channels = 4, module = name, weights = [`${name}.weight`] } = {}): Value {
    const attributes = { outChannels: channels, kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1, bias: false } as const;
    return this.builder.node('conv', name, attributes, [from], { module, weights });
  }
  relu(name: string, from: Value, module = name): Value {
    return this.builder.node('activation', name, { function: 'relu' }, [from], { module });
  }
  identity(name: string, from: Value): Value {
    return this.builder.node('identity', name, {}, [from]);
  }
  sum(name: string, ...terms: Value[]): Value {
    return this.builder.node('sum', name, {}, terms);
  }
  finish(...values: Value[]): Graph {
    return this.builder.finish(values.map((value, at) => ({ name: `y${at}`, value })));
  }
}

const UNIT = 4 * 4 * 2 * 3;
/** Held and output bytes of each module, in units. */
const memory = (graph: Graph): readonly (readonly [string, number, number])[] =>
  profile(graph).modules.map(({ module, heldBytes, outputBytes }) => [module, heldBytes / UNIT, outputBytes / UNIT]);

describe('parameters and MACs', () => {
  it('of shared weights count once in all, and in each module that has them', () => {
    const sample = new Sample();
    const weights = ['shared.weight'];
    const first = sample.conv('a', sample.x, { weights, module: 'm' });
    const second = sample.conv('b', first, { weights, module: 'm' });
    const third = sample.conv('c', second, { weights });
    expect(profile(sample.finish(third))).toMatchObject({
      params: 16,
      macs: 3 * 16 * 6,
      modules: [
        { module: 'm', nodes: [0, 2], params: 16, macs: 192 },
        { module: 'c', nodes: [2, 3], params: 16, macs: 96 },
      ],
    });
  });

  it('leave running statistics out, and take declared ones in', () => {
    const { builder, x } = new Sample();
    const norm = builder.node('batch_norm', 'norm', { affine: true, epsilon: 1e-5 }, [x]);
    const features = builder.node('opaque', 'op', { operator: 'Einsum', type: { dtype: 'f32', shape: ['N', 5] }, params: 7, macs: 11 }, [norm]);
    const value = builder.node('linear', 'fc', { outFeatures: 3, bias: true }, [features]);
    expect(profile(builder.finish([{ name: 'y', value }]))).toMatchObject({ params: 8 + 7 + 18, macs: 11 + 15 });
  });

  it('of a rectangular image count both sides', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', imageType(3, 8, 5));
    const attributes = { outChannels: 2, kernel: [3, 1], stride: [2, 1], padding: [1, 0, 1, 0], dilation: [1, 1], groups: 1, bias: true } as const;
    const value = builder.node('conv', 'c', attributes, [x]);
    // 4 x 5 pixels of 2 channels, from 3 x 3 x 1 numbers each
    expect(profile(builder.finish([{ name: 'y', value }]))).toMatchObject({ params: 20, macs: 40 * 9, peakActivationBytes: 4 * 40 });
  });

  it('beyond what numbers count exactly are refused', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', imageType(1, 1));
    const value = builder.node('opaque', 'o', { operator: 'o', type: imageType(1, 1), params: 2 ** 53, macs: 0 }, [x]);
    expect(() => profile(builder.finish([{ name: 'y', value }]))).toThrow(/2\^53/);
  });

  it('of nothing are nothing', () => {
    const { builder } = new Sample();
    expect(profile(builder.finish([{ name: 'y', value: 0 }]))).toEqual({ params: 0, macs: 0, peakActivationBytes: 0, modules: [] });
  });
});

describe('peak memory', () => {
  it('of a chain is what is read and what is made; the image does not count', () => {
    const sample = new Sample();
    const a = sample.conv('a', sample.x);
    const b = sample.conv('b', a, { channels: 8 });
    const c = sample.conv('c', b);
    const graph = sample.finish(c);
    expect(memory(graph)).toEqual([
      ['a', 0, 1],
      ['b', 1, 2],
      ['c', 2, 1],
    ]);
    expect(profile(graph).peakActivationBytes).toBe(3 * UNIT);
  });

  it('leaves out what a module makes for itself, and counts two values that it puts out', () => {
    const sample = new Sample();
    const wide = sample.conv('m.1', sample.x, { channels: 40, module: 'm' });
    const one = sample.conv('m.2', wide, { module: 'm' });
    const two = sample.relu('m.3', one, 'm');
    const sum = sample.builder.node('add', 'add', {}, [one, two]);
    expect(memory(sample.finish(sum))).toEqual([
      ['m', 0, 2],
      ['add', 2, 1],
    ]);
  });

  it('of a sum is one tensor from its first term on; each term is let go once added', () => {
    const sample = new Sample();
    const a = sample.conv('a', sample.x);
    const terms = ['t0', 't1', 't2'].map((name) => sample.conv(name, a));
    const sum = sample.sum('sum', ...terms);
    const last = sample.relu('last', sum);
    expect(memory(sample.finish(last))).toEqual([
      ['a', 0, 1],
      ['t0', 2, 1], // a and the sum, beside the term
      ['t1', 2, 1],
      ['t2', 2, 1],
      ['sum', 1, 0], // a ended with t2
      ['last', 1, 1],
    ]);
  });

  it('of identities is nothing, but they read: a value is held until the last of them', () => {
    const sample = new Sample();
    const a = sample.conv('a', sample.x);
    const skipped = sample.identity('skip', sample.identity('before', a));
    const b = sample.conv('b', sample.x);
    const sum = sample.sum('sum', skipped, b);
    const c = sample.conv('c', sum);
    expect(memory(sample.finish(c))).toEqual([
      ['a', 0, 1],
      ['before', 1, 0],
      ['skip', 2, 0], // copied into the sum
      ['b', 1, 1],
      ['sum', 1, 0],
      ['c', 1, 1],
    ]);
  });

  it('of zeros is nothing, but what they name is held until then', () => {
    const sample = new Sample();
    const a = sample.conv('a', sample.x);
    const b = sample.conv('b', a);
    const zero = sample.builder.node('zero', 'zero', { type: imageType(4, 2, 3) }, [a]);
    const sum = sample.sum('sum', b, zero);
    expect(memory(sample.finish(sum))).toEqual([
      ['a', 0, 1],
      ['b', 2, 1],
      ['zero', 2, 0], // a is named, beside the sum
      ['sum', 1, 0],
    ]);
  });

  it('of a term that others read first: it becomes part of the sum when they have', () => {
    const sample = new Sample();
    const a = sample.conv('a', sample.x);
    const b = sample.conv('b', a);
    const c = sample.conv('c', b);
    const sum = sample.sum('sum', a, c);
    const wide = sample.conv('wide', sum, { channels: 8 });
    expect(memory(sample.finish(wide))).toEqual([
      ['a', 0, 1],
      ['b', 1, 1], // a is the sum from here on
      ['c', 2, 1],
      ['sum', 1, 0],
      ['wide', 1, 2],
    ]);
  });

  it('of sums of sums is one tensor', () => {
    const sample = new Sample();
    const inner = sample.sum('inner', sample.conv('a', sample.x), sample.conv('b', sample.x));
    const outer = sample.sum('outer', inner, sample.conv('c', sample.x), inner);
    expect(memory(sample.finish(outer)).map(([, held, output]) => held + output)).toEqual([2, 2, 1, 2, 1]);
  });

  it('of outputs lasts to the end', () => {
    const sample = new Sample();
    const early = sample.conv('early', sample.x);
    const late = sample.conv('late', sample.relu('relu', sample.x));
    const graph = sample.finish(early, late);
    expect(memory(graph)).toEqual([
      ['early', 0, 1],
      ['relu', 1, 1],
      ['late', 2, 1],
    ]);
    expect(profile(graph).peakActivationBytes).toBe(3 * UNIT);
  });

  it('of a dead value lasts while its module runs', () => {
    const sample = new Sample();
    sample.conv('dead', sample.x, { channels: 40 });
    expect(memory(sample.finish(sample.conv('a', sample.x)))).toEqual([
      ['dead', 0, 10],
      ['a', 0, 1],
    ]);
  });
});
