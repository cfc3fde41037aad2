import { describe, expect, it } from 'vitest';
import { decodeTensors, encodeTensors, sha256, type HostTensor } from './checkpoint.ts';

const tensors = (): Map<string, HostTensor> =>
  new Map([
    ['b/weight', { shape: [2, 3], data: Float32Array.of(1, -2.5, 1e-42, 3.4e38, -0, 0.1) }],
    ['a', { shape: [], data: Float32Array.of(7) }],
    ['empty', { shape: [0, 4], data: new Float32Array(0) }],
  ]);

describe('tensor files', () => {
  it('give back names, shapes, bits and metadata', () => {
    const { tensors: read, metadata } = decodeTensors(encodeTensors({ tensors: tensors(), metadata: { note: 'ünïcode "quoted"' } }));
    expect(metadata).toEqual({ note: 'ünïcode "quoted"' });
    expect([...read.keys()].sort()).toEqual(['a', 'b/weight', 'empty']);
    for (const [name, { shape, data }] of tensors()) {
      expect(read.get(name)!.shape).toEqual(shape);
      expect(new Uint32Array(read.get(name)!.data.buffer)).toEqual(new Uint32Array(data.buffer));
    }
  });

  it('are the same bytes whatever the order of insertion', () => {
    const reversed = new Map([...tensors()].reverse());
    const bytes = encodeTensors({ tensors: tensors(), metadata: { x: '1', a: '2' } });
    expect(encodeTensors({ tensors: reversed, metadata: { a: '2', x: '1' } })).toEqual(bytes);
    expect(sha256(bytes)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('read at any alignment, and what they give is a copy', () => {
    const bytes = encodeTensors({ tensors: tensors(), metadata: {} });
    const shifted = new Uint8Array(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    const read = decodeTensors(shifted).tensors.get('a')!;
    shifted.fill(0);
    expect(read.data[0]).toBe(7);
  });

  it('lay the data out as safetensors does', () => {
    const bytes = encodeTensors({ tensors: tensors(), metadata: {} });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, { dtype: string; data_offsets: number[] }>;
    expect(header['b/weight']).toEqual({ dtype: 'F32', shape: [2, 3], data_offsets: [4, 28] });
    expect(bytes.length).toBe(8 + length + 28);
    expect(length % 8).toBe(0);
  });

  it('say what is wrong with damaged bytes', () => {
    const bytes = encodeTensors({ tensors: tensors(), metadata: {} });
    const failure = (damaged: Uint8Array): unknown => {
      try {
        decodeTensors(damaged);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      copy[at] = value;
      return copy;
    };
    expect(failure(new Uint8Array(3))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_TRUNCATED' });
    expect(failure(bytes.subarray(0, 40))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_TRUNCATED' });
    expect(failure(bytes.subarray(0, bytes.length - 1))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_TRUNCATED' });
    expect(failure(changed(6, 0xff))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_HEADER' });
    expect(failure(changed(8, 0x21))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_HEADER' });
    expect(failure(changed(bytes.length - 1, 0x12))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_DIGEST' });
    const longer = new Uint8Array(bytes.length + 4);
    longer.set(bytes);
    expect(failure(longer)).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_LAYOUT' });
    const text = new TextDecoder('latin1').decode(bytes).replace('"F32"', '"F16"');
    expect(failure(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_LAYOUT' });
    expect(() => encodeTensors({ tensors: new Map([['x', { shape: [3], data: new Float32Array(2) }]]), metadata: {} })).toThrow(/2 numbers/);
  });
});
