import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { loadCifar, type CifarFormat } from './cifar.ts';
import { CIFAR10 } from './cifar10.ts';
import { CIFAR100 } from './cifar100.ts';
import { DATASET_CHOICES, DATASET_NAMES, isDatasetName, type DatasetName } from '../images/dataset-names.ts';
import type { ImageDataset } from '../images/image-dataset.ts';
import { findImageFolders, loadImageFolder } from './image-folder.ts';
import { loadMnist } from './mnist.ts';

/**
 * A data set by name: `mnist` comes with the platform, the others from the data directory.
 * @throws DomainError INVALID_ARGUMENT for another name; as `loadMnist`, `loadCifar` and `loadImageFolder`
 */
export function loadDataset(name: string, dataDir: string | undefined): ImageDataset {
  if (!isDatasetName(name)) throw DomainError.invalid('dataset', `${name} is unknown, one of ${DATASET_CHOICES} is known`, 'UNKNOWN_DATASET');
  switch (name) {
    case 'mnist':
      return loadMnist();
    case 'cifar10':
      return loadCifar(CIFAR10, dataDir);
    case 'cifar100':
      return loadCifar(CIFAR100, dataDir);
    default:
      return loadImageFolder(name, dataDir);
  }
}

/** Names of the data sets whose files lie in the data directory, found by looking and not by reading them. */
export function findDatasets(dataDir: string | undefined): DatasetName[] {
  if (dataDir === undefined || dataDir === '') return ['mnist'];
  const lies = ({ folder, train }: CifarFormat): boolean => existsSync(join(dataDir, folder, train[0]!.file));
  const isThere = { mnist: true, cifar10: lies(CIFAR10), cifar100: lies(CIFAR100) };
  return [...DATASET_NAMES.filter((name) => isThere[name]), ...findImageFolders(dataDir)];
}
