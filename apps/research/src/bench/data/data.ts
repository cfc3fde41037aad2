/** Augmented training batches, ours and torchvision's interleaved, each in a process of its own. */
import { fileURLToPath } from 'node:url';
import { loadDataset, type DatasetName } from '@nat/datasets';
import { interleave, type Measured } from '../measure/interleave.ts';
import { ensureTorchvision } from '../measure/torch.ts';

export interface DataSettings {
  readonly dataset: DatasetName;
  readonly directory: string | undefined;
  /** Images a batch. */
  readonly batch: number;
  /** Images an epoch. */
  readonly images: number;
}

export interface DataOptions extends Omit<DataSettings, 'images'> {
  /** Epochs measured, after one that warms up. */
  readonly epochs: number;
  /** Threads that decode ours, processes that decode torchvision's. Images in memory are made by one of each. */
  readonly threads: number;
}

export interface Throughput extends Measured {
  readonly imagesPerSecond: number;
}

const WARM_UP = 1;
/** Images in memory are made so fast that fewer than the whole data set tell enough. */
const MAX_IMAGES = 20_000;

/** @throws DomainError as `loadDataset` and `ensureTorchvision` */
export async function compareData({ epochs, threads, ...settings }: DataOptions): Promise<{ ours: Throughput; peer: Throughput }> {
  const { train } = loadDataset(settings.dataset, settings.directory);
  const images = Math.min(train.count, MAX_IMAGES);
  const { interpreter, folder } = await ensureTorchvision();
  const main = fileURLToPath(new URL('data-main.ts', import.meta.url));
  const script = fileURLToPath(new URL('torch_data.py', import.meta.url));
  const workers = 'read' in train ? threads : 0;
  const [ours, peer] = await interleave(
    [
      { command: process.execPath, args: [main, JSON.stringify({ ...settings, images })], environment: { UV_THREADPOOL_SIZE: String(threads) } },
      { command: interpreter, args: [script, JSON.stringify({ ...settings, images, workers })], environment: { PYTHONPATH: folder } },
    ],
    { warmUp: WARM_UP, pieces: epochs },
  );
  // The last batch of an epoch is left out when it is not full.
  const seen = Math.max(1, Math.floor(images / settings.batch)) * settings.batch;
  const throughput = (measured: Measured): Throughput => ({ ...measured, imagesPerSecond: (1000 * seen) / measured.medianMs });
  return { ours: throughput(ours!), peer: throughput(peer!) };
}
