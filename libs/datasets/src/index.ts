export { loadCifar10 } from './cifar10.ts';
export {
  DATASET_NAMES,
  batchesInOrder,
  drawBatch,
  readBatch,
  splitDataset,
  splitForSearch,
  trainingBatches,
  type DatasetName,
  type ImageBatch,
  type ImageDataset,
  type ImagePool,
  type ImageSplit,
  type ImageSplits,
  type SearchSplits,
  type SplitOptions,
} from './image-dataset.ts';
export { isDatasetName, loadDataset } from './load-dataset.ts';
export { loadMnist } from './mnist.ts';
export { columnOf, loadNasBench201, parseNasBench201, rowOfCell, type NasBench201Table } from './nasbench201.ts';
