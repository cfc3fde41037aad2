export { batchesInOrder, drawBatch, readBatch, trainingBatches, type TrainingBatchOptions } from './batches.ts';
export { DATASET_CHOICES, DATASET_NAMES, datasetCapability, isDatasetName, parseImageFolder, type DatasetName } from './dataset-names.ts';
export type { ImageBatch } from './image-batch.ts';
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
} from './image-dataset.ts';
export { findBrokenImages } from './image-folder.ts';
export { findDatasets, loadDataset } from './load-dataset.ts';
export { columnOf, loadNasBench201, parseNasBench201, rowOfCell, type NasBench201Table } from './nasbench201.ts';
