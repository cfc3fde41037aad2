import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { datasetCapability, findDatasets } from '@nat/datasets';
import { findGpus, gpuCapabilities } from './gpus.ts';

/** What this machine can do, found by looking: MNIST comes with the platform, the rest with the data directory. GPUs are asked of their driver; `extra` is what its operator adds. */
export function findCapabilities({ dataDir, extra = [] }: { readonly dataDir: string | undefined; readonly extra?: readonly string[] }): string[] {
  const tables = dataDir !== undefined && dataDir !== '' && existsSync(join(dataDir, 'nasbench201.csv')) ? ['table:nasbench201'] : [];
  return [...new Set([...findDatasets(dataDir).map(datasetCapability), ...tables, ...gpuCapabilities(findGpus()), ...extra])].sort();
}
