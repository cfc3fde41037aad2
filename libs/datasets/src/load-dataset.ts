import { DomainError } from '@nat/errors';
import { loadCifar10 } from './cifar10.ts';
import { DATASET_NAMES, type DatasetName, type ImageDataset } from './image-dataset.ts';
import { loadMnist } from './mnist.ts';

/** True for the name of a data set that `loadDataset` reads. */
export function isDatasetName(name: string): name is DatasetName {
  return (DATASET_NAMES as readonly string[]).includes(name);
}

/**
 * A data set by name: `mnist` comes with the platform, `cifar10` from the data directory.
 * @throws DomainError INVALID_ARGUMENT for another name; as `loadMnist` and `loadCifar10`
 */
export function loadDataset(name: string, dataDir: string | undefined): ImageDataset {
  if (!isDatasetName(name)) throw DomainError.invalid('dataset', `${name} is unknown, one of ${DATASET_NAMES.join(', ')} is known`, 'UNKNOWN_DATASET');
  switch (name) {
    case 'mnist':
      return loadMnist();
    case 'cifar10':
      return loadCifar10(dataDir);
  }
}
