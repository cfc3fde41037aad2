import { spawnSync } from 'node:child_process';

/** A GPU of this machine. */
export interface Gpu {
  /** As CUDA_VISIBLE_DEVICES names it. */
  readonly id: string;
  readonly memoryMib: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Sizes of memory that evaluations may ask for, GiB: those that GPUs are sold with. */
const SIZES_GIB = [4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 141, 180, 192];
/** A GPU sold as 16 GiB reports a little less. */
const REPORTED_SHARE = 0.93;

/** What NVIDIA's driver lists; empty where there is none. */
function listGpus(env: Environment): string {
  const { stdout, status } = spawnSync('nvidia-smi', ['--query-gpu=index,uuid,memory.total', '--format=csv,noheader,nounits'], {
    env: env,
    encoding: 'utf8',
    timeout: 10_000,
  });
  return status === 0 ? stdout : '';
}

/**
 * The GPUs that this process may train on: those of CUDA_VISIBLE_DEVICES, or all. None unless the CUDA build of TensorFlow was set up
 * (`NAT_TENSORFLOW=cuda`).
 */
export function findGpus(env: Environment = process.env): readonly Gpu[] {
  if (env['NAT_TENSORFLOW'] !== 'cuda') return [];
  const all = listGpus(env)
    .split('\n')
    .flatMap((line) => {
      const [index = '', uuid = '', memory = ''] = line.split(',').map((part) => part.trim());
      return /^\d+$/.test(index) && /^\d+$/.test(memory) ? [{ index, uuid, memoryMib: Number(memory) }] : [];
    });
  const visible = env['CUDA_VISIBLE_DEVICES']?.split(',').map((id) => id.trim());
  // As CUDA has it: the list ends at the first entry that names no GPU.
  const ids = visible ?? all.map(({ index }) => index);
  const gpus: Gpu[] = [];
  for (const id of ids) {
    const found = all.find(({ index, uuid }) => index === id || (id.startsWith('GPU-') && uuid.startsWith(id)));
    if (found === undefined) break;
    gpus.push({ id, memoryMib: found.memoryMib });
  }
  return gpus;
}

/** `gpu`, and `gpu-memory:N` for every N GiB that the largest of them has. */
export function gpuCapabilities(gpus: readonly Gpu[]): readonly string[] {
  if (gpus.length === 0) return [];
  const most = Math.max(...gpus.map(({ memoryMib }) => memoryMib)) / 1024;
  return ['gpu', ...SIZES_GIB.filter((size) => most >= REPORTED_SHARE * size).map((size) => `gpu-memory:${size}`)];
}
