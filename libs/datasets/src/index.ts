export { batchesInOrder, drawBatch, readBatch, trainingBatches, type TrainingBatchOptions } from './images/batches.ts';
export { DATASET_CHOICES, DATASET_NAMES, datasetCapability, isDatasetName, parseImageFolder, type DatasetName } from './images/dataset-names.ts';
export type { ImageBatch } from './images/image-batch.ts';
export {
  splitDataset,
  splitForSearch,
  type ImageDataset,
  type ImageFiles,
  type ImagePool,
  type ImageSplit,
  type ImageSplits,
  type SearchSplits,
  type SplitOptions,
} from './images/image-dataset.ts';
export { findBrokenImages } from './loaders/image-folder.ts';
export { findDatasets, loadDataset } from './loaders/load-dataset.ts';
export { columnOf, loadNasBench201, parseNasBench201, rowOfCell, type NasBench201Table } from './tables/nasbench201.ts';
