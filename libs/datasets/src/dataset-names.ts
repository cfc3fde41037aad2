/** Every data set that networks are trained on. */
export const DATASET_NAMES = ['mnist', 'cifar10', 'cifar100'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

/** For help and errors. */
export const DATASET_CHOICES = DATASET_NAMES.join(', ');

/** True for the name of a data set that `loadDataset` reads. */
export function isDatasetName(name: string): name is DatasetName {
  return (DATASET_NAMES as readonly string[]).includes(name);
}
