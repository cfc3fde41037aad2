/** Data sets with a name of their own. */
export const DATASET_NAMES = ['mnist', 'cifar10', 'cifar100'] as const;

/** A folder tree of images beside them: `imagefolder:NAME`, in another size than 224 pixels `imagefolder:NAME@SIZE`. */
export type ImageFolderName = `imagefolder:${string}`;
export type DatasetName = (typeof DATASET_NAMES)[number] | ImageFolderName;

/** For help and errors. */
export const DATASET_CHOICES = `${DATASET_NAMES.join(', ')}, imagefolder:NAME[@SIZE]`;

const IMAGE_FOLDER = /^imagefolder:(?<folder>[A-Za-z0-9_-][A-Za-z0-9._-]*)(?:@(?<size>[1-9]\d{0,3}))?$/;
/** Height and width of the images that ImageNet networks are trained on. */
const IMAGENET_SIZE = 224;

/** True for the name of a data set that `loadDataset` reads. */
export function isDatasetName(name: string): name is DatasetName {
  return (DATASET_NAMES as readonly string[]).includes(name) || parseImageFolder(name) !== undefined;
}

/** The parts of `imagefolder:NAME[@SIZE]`; undefined for another name. */
export function parseImageFolder(name: string): { readonly folder: string; readonly imageSize: number } | undefined {
  const groups = IMAGE_FOLDER.exec(name)?.groups;
  return groups === undefined ? undefined : { folder: groups['folder']!, imageSize: groups['size'] === undefined ? IMAGENET_SIZE : Number(groups['size']) };
}

/** What a machine needs to have for a data set, as workers and evaluations name it: `dataset:<name>`, for any size of its images. */
export function datasetCapability(name: string): string {
  const parsed = parseImageFolder(name);
  return parsed === undefined ? `dataset:${name}` : `dataset:imagefolder:${parsed.folder}`;
}
