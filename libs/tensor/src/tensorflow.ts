/**
 * The one place that loads TensorFlow. Nothing is loaded on import: processes that only price, draw or store
 * architectures never map the 400 MB library.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import util from 'node:util';
import { DomainError } from '@nat/base/errors';
import { loadKernels } from './ops/kernels.ts';
import type { Tensorflow } from './tensorflow-types.ts';

export interface TensorflowOptions {
  /**
   * Threads inside one operation. The bits of a sum depend on it: store it with a run, and give it again to repeat the run.
   * @default the processors available
   */
  readonly threads?: number;
}

const PACKAGE = '@tensorflow/tfjs-node-gpu';
const INTRA_OP = 'TF_NUM_INTRAOP_THREADS';
const INTER_OP = 'TF_NUM_INTEROP_THREADS';

const require = createRequire(import.meta.url);

/**
 * Loads TensorFlow once a process; later calls give the same module. Writes nothing on stdout or stderr.
 * @throws DomainError FAILED_PRECONDITION TENSORFLOW_NOT_INSTALLED without the native library; TENSORFLOW_THREADS when it
 * is already loaded with another thread count, which libtensorflow cannot change
 */
export function loadTensorflow(options: TensorflowOptions = {}): Tensorflow {
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024)) {
    throw DomainError.invalid('threads', `${threads} is not an integer from 1 to 1024`);
  }
  if (!isTensorflowLoaded()) configureProcess(threads ?? availableParallelism());
  else if (threads !== undefined && threads !== tensorflowThreads()) {
    throw new DomainError('FAILED_PRECONDITION', `TensorFlow already runs with ${tensorflowThreads()} threads in this process, not ${threads}`, {
      reason: 'TENSORFLOW_THREADS',
    });
  }
  try {
    const tensorflow = require(PACKAGE) as Tensorflow;
    loadKernels(path.dirname(require.resolve(`${PACKAGE}/package.json`)));
    return tensorflow;
  } catch (cause) {
    throw new DomainError('FAILED_PRECONDITION', 'native TensorFlow is not installed here: `npm test` or `npm start` sets it up', {
      reason: 'TENSORFLOW_NOT_INSTALLED',
      cause,
    });
  }
}

/** Whether this process has loaded TensorFlow. */
export function isTensorflowLoaded(): boolean {
  return require.cache[require.resolve(PACKAGE)]?.loaded === true;
}

/** Threads inside one operation of the loaded library; undefined before it is loaded. */
export function tensorflowThreads(): number | undefined {
  return isTensorflowLoaded() ? Number(process.env[INTRA_OP]) : undefined;
}

/** What libtensorflow and its binding read once, when they are loaded. */
function configureProcess(threads: number): void {
  process.env[INTRA_OP] = String(threads);
  process.env[INTER_OP] = '1'; // eager operations run one after the other
  // With oneDNN on, weight gradients of 1x1 convolutions at stride 2 are wrong; it is on by default on some processors.
  process.env['TF_ENABLE_ONEDNN_OPTS'] = '0';
  // Its matrix products, also with oneDNN off, add up in an order that follows the widest vectors of the processor: one width for all gives one seed one policy (ADR 23).
  process.env['ONEDNN_MAX_CPU_ISA'] ??= 'AVX2';
  // Its own allocator keeps freed tensors: malloc gives large ones back to the system each time, and element-wise operations take 3-6 times as long.
  process.env['TF_CPU_ALLOCATOR_USE_BFC'] ??= 'true';
  // Our kernels' threads sleep between operations instead of spinning: libtensorflow's run on the same processors.
  process.env['OMP_WAIT_POLICY'] ??= 'passive';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // The binding calls two functions that Node deprecates aloud, or has removed.
  const legacy = util as unknown as { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean };
  legacy.isNullOrUndefined = (value) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
}
