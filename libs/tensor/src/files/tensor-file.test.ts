import { describe, expect, it } from 'vitest';
import { decodeTensors, encodeTensors, sha256, type HostTensor } from './tensor-file.ts';

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

  it("leave PyTorch's counters of batches out, and refuse other types", () => {
    const file = (name: string, dtype: string): Uint8Array => {
      const header = JSON.stringify({
        'bn.weight': { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
        [name]: { dtype, shape: [], data_offsets: [8, 16] },
        'fc.bias': { dtype: 'F32', shape: [1], data_offsets: [16, 20] },
      });
      const bytes = new Uint8Array(8 + header.length + 20);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
      bytes.set(new TextEncoder().encode(header), 8);
      new DataView(bytes.buffer).setFloat32(8 + header.length + 16, 5, true);
      return bytes;
    };
    const read = decodeTensors(file('bn.num_batches_tracked', 'I64')).tensors;
    expect([...read.keys()]).toEqual(['bn.weight', 'fc.bias']);
    expect(read.get('fc.bias')!.data[0]).toBe(5);
    expect(() => decodeTensors(file('bn.count', 'I64'))).toThrow(/"bn.count" has the type I64, only F32 is read/);
    expect(() => decodeTensors(file('bn.num_batches_tracked', 'F64'))).toThrow(/has the type F64/);
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
