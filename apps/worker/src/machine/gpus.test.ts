import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findGpus, gpuCapabilities } from './gpus.ts';

/** A driver's program that prints what one with two GPUs prints. */
const LISTING = '0, GPU-5b1f0a7e-1111-2222-3333-444455556666, 15360\n1, GPU-99aa0a7e-1111-2222-3333-444455556666, 81559\n';

describe('GPUs of a machine', () => {
  let folder: string;
  let env: Record<string, string | undefined>;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nat-gpus-'));
    const program = join(folder, 'nvidia-smi');
    writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${LISTING}END\n`);
    chmodSync(program, 0o755);
    env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, NAT_TENSORFLOW: 'cuda' };
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('are those that the driver lists', () => {
    expect(findGpus(env)).toEqual([
      { id: '0', memoryMib: 15_360 },
      { id: '1', memoryMib: 81_559 },
    ]);
  });
  it('are those of CUDA_VISIBLE_DEVICES, up to the first that is none', () => {
    expect(findGpus({ ...env, CUDA_VISIBLE_DEVICES: '1' })).toEqual([{ id: '1', memoryMib: 81_559 }]);
    expect(findGpus({ ...env, CUDA_VISIBLE_DEVICES: 'GPU-99aa' })).toEqual([{ id: 'GPU-99aa', memoryMib: 81_559 }]);
    expect(findGpus({ ...env, CUDA_VISIBLE_DEVICES: '0,-1,1' })).toEqual([{ id: '0', memoryMib: 15_360 }]);
    expect(findGpus({ ...env, CUDA_VISIBLE_DEVICES: '' })).toEqual([]);
  });
  it('are none without the CUDA build of TensorFlow, or without a driver', () => {
    expect(findGpus({ ...env, NAT_TENSORFLOW: undefined })).toEqual([]);
    expect(findGpus({ NAT_TENSORFLOW: 'cuda', PATH: '/nowhere' })).toEqual([]);
  });
  it('give capabilities by what memory they are sold with', () => {
    expect(gpuCapabilities([])).toEqual([]);
    const small = gpuCapabilities([{ id: '0', memoryMib: 15_360 }]);
    expect(small).toContain('gpu');
    expect(small).toContain('gpu-memory:16');
    expect(small).not.toContain('gpu-memory:20');
    expect(gpuCapabilities(findGpus(env))).toContain('gpu-memory:80');
  });
});
