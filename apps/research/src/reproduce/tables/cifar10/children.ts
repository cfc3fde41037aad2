/** Children of the CIFAR-10 tables: networks of one small size, trained from fresh weights in this process. */
import { formatArchitecture, networkCost, lower, type Architecture, type PlacementOptions } from '@nat/cells';
import { loadDataset, splitDataset, type ImageDataset } from '@nat/datasets';
import { forwardLatency, trainFromScratch } from '@nat/training';
import { loadTensorflow, sha256 } from '@nat/tensor';
import { z } from 'zod';
import type { RowContext } from '../../result-table.ts';

/** What one core trains in a minute or two. */
export const SIZE: PlacementOptions = { channels: 8, layers: 3 };
const BATCH = 64;
/** Training steps of a child: two thirds of an epoch. */
export const STEPS = 500;

/** Scored after training. */
const VALIDATION_IMAGES = 3_000;

let loaded: { readonly directory: string | undefined; readonly dataset: ImageDataset } | undefined;

/** The data set of a data directory; kept, because every child needs it. @throws DomainError where it is not there */
export function cifar10({ dataDirectory }: Pick<RowContext, 'dataDirectory'>): ImageDataset {
  if (loaded?.directory !== dataDirectory || loaded === undefined) loaded = { directory: dataDirectory, dataset: loadDataset('cifar10', dataDirectory) };
  return loaded.dataset;
}

const childSchema = z.strictObject({ validation: z.number(), test: z.number().nullable() });

export interface ChildOptions {
  readonly architecture: Architecture;
  readonly seed: number;
  readonly steps: number;
  /** Score the 10,000 test images, too. */
  readonly test: boolean;
}

export interface Child {
  /** Accuracy on the first 3,000 of the 5,000 images that the seed sets aside. */
  readonly validation: number;
  readonly test: number | null;
}

/** Trains a child, or reads what it came to: the same child is the same to the bit. */
export async function childOf({ architecture, seed, steps, test }: ChildOptions, context: RowContext): Promise<Child> {
  const identity = sha256(Buffer.from(JSON.stringify([formatArchitecture(architecture).text, { maxSteps: steps }, seed, test]))).slice(0, 20);
  const bytes = await context.artifact(`child-${identity}.json`, async () => {
    const splits = splitDataset(cifar10(context), { seed, limit: { validation: VALIDATION_IMAGES } });
    const report = await trainFromScratch({
      tf: loadTensorflow({ threads: context.threads }),
      architecture,
      placement: SIZE,
      splits,
      recipe: { maxSteps: steps, batchSize: BATCH },
      seed,
      reportTest: test,
      now: () => performance.now(),
    });
    return Buffer.from(JSON.stringify({ validation: report.validationAccuracy, test: report.testAccuracy ?? null } satisfies Child));
  });
  return childSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/** Parameters, MACs, and the milliseconds that a batch takes in evaluation. */
export function costOf(architecture: Architecture, context: RowContext): { readonly params: number; readonly macs: number; readonly latencyMs: number } {
  const { imageSize, classes } = cifar10(context);
  const network = lower(architecture, { ...SIZE, imageSize, classes });
  const { params, macs } = networkCost(network);
  const latencyMs = forwardLatency({
    tf: loadTensorflow({ threads: context.threads }),
    network,
    batchSize: BATCH,
    passes: 25,
    now: () => performance.now(),
  });
  return { params, macs, latencyMs };
}
