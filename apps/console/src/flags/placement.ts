import type { PlacementOptions } from '@nat/cells';
import { Option } from 'commander';
import { integer } from './parsers.ts';

export interface PlacementFlags {
  readonly network?: 'evaluation' | 'imagenet' | 'supernet';
  readonly channels?: number;
  readonly layers?: number;
  readonly imageSize?: number;
  readonly classes?: number;
}

/** Which network the cells are placed into. Networks that are written out layer by layer ignore them. */
export function placementOptions(): readonly Option[] {
  return [
    new Option('--network <network>', 'which network the cells are placed into').choices(['evaluation', 'imagenet', 'supernet']),
    new Option('--channels <n>', 'first channels C').argParser(integer(1, 4096)),
    new Option('--layers <n>', 'cells in a row').argParser(integer(1, 512)),
    new Option('--image-size <pixels>', 'height and width of the input').argParser(integer(1, 4096)),
    new Option('--classes <n>', 'of the classifier').argParser(integer(1, 100_000)),
  ];
}

export function readPlacement(flags: PlacementFlags): PlacementOptions {
  const { network, channels, layers, imageSize, classes } = flags;
  return {
    ...(network === undefined ? {} : { network }),
    ...(channels === undefined ? {} : { channels }),
    ...(layers === undefined ? {} : { layers }),
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(classes === undefined ? {} : { classes }),
  };
}
