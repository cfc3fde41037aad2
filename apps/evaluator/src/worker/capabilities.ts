import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Capabilities that come with a file or folder of the data directory. */
const DATA: readonly { readonly capability: string; readonly path: string }[] = [
  { capability: 'dataset:cifar10', path: 'cifar-10-batches-bin/data_batch_1.bin' },
  { capability: 'table:nasbench201', path: 'nasbench201.csv' },
];

/** What this machine can do, found by looking: MNIST comes with the platform, the rest with the data directory. `extra` are told by its operator (`gpu`). */
export function findCapabilities({ dataDir, extra = [] }: { readonly dataDir: string | undefined; readonly extra?: readonly string[] }): string[] {
  const found = DATA.filter(({ path }) => dataDir !== undefined && dataDir !== '' && existsSync(join(dataDir, path))).map(({ capability }) => capability);
  return [...new Set(['dataset:mnist', ...found, ...extra])].sort();
}
