export { DATASET_CHOICES, DATASET_NAMES, isDatasetName, type DatasetName } from './dataset-names.ts';
export {
  batchesInOrder,
  drawBatch,
  readBatch,
  splitDataset,
  splitForSearch,
  trainingBatches,
  type ImageBatch,
  type ImageDataset,
  type ImagePool,
  type ImageSplit,
  type ImageSplits,
  type SearchSplits,
  type SplitOptions,
} from './image-dataset.ts';
export { findDatasets, loadDataset } from './load-dataset.ts';
export { columnOf, loadNasBench201, parseNasBench201, rowOfCell, type NasBench201Table } from './nasbench201.ts';
