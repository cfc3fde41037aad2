/** Which network cells are placed into: options with their defaults and ranges. */
import { DomainError } from '@nat/base/errors';
import { sidesOf } from '../cell/shapes.ts';
import type { Architecture, ImageSize, PlacementOptions } from '../cell/types.ts';
import { ARCHITECTURE_LIMITS } from '../cell/validate.ts';

/** Cells in a row at most. */
export const MAX_LAYERS = 256;

/** The networks that there are. */
export type NetworkKind = 'evaluation' | 'imagenet' | 'supernet' | 'nasbench201' | 'explicit';

/** Options with every default filled in and checked, for one skeleton. */
export interface ResolvedPlacement {
  readonly network: NetworkKind;
  readonly channels: number;
  readonly layers: number;
  /** Of the input image, pixels. */
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  readonly supernetOutput: 'all-nodes' | 'loose-ends' | undefined;
}

const DEFAULTS = {
  evaluation: { channels: 36, layers: 20, imageSize: 32, classes: 10 },
  imagenet: { channels: 48, layers: 14, imageSize: 224, classes: 1000 },
  supernet: { channels: 20, layers: 8, imageSize: 32, classes: 10 },
  nasbench201: { channels: 16, layers: 5, imageSize: 32, classes: 10 },
} as const;

/**
 * Fills in the defaults. NAS-Bench-201's skeleton takes `layers` as cells a stage (5); an explicit one takes nothing.
 * @throws DomainError INVALID_ARGUMENT naming the option
 */
export function resolvePlacement(skeleton: Architecture['skeleton'], options: PlacementOptions = {}): ResolvedPlacement {
  if (skeleton.kind === 'explicit')
    return {
      network: 'explicit',
      channels: skeleton.stem.channels,
      layers: skeleton.placements.length,
      ...sidesOf(skeleton.imageSize),
      classes: skeleton.classes,
      supernetOutput: undefined,
    };
  const asked = options.network ?? 'evaluation';
  if (skeleton.kind === 'nasbench201' && asked !== 'evaluation')
    throw DomainError.invalid('placement.network', `a NAS-Bench-201 cell is placed into its own network, not ${asked}`, 'INVALID_PLACEMENT');
  if (!Object.hasOwn(DEFAULTS, asked)) throw DomainError.invalid('placement.network', 'evaluation, imagenet or supernet', 'INVALID_PLACEMENT');
  const network = skeleton.kind === 'nasbench201' ? 'nasbench201' : asked;
  const defaults = DEFAULTS[network];
  return {
    network,
    channels: integer('channels', options.channels ?? defaults.channels, 2, ARCHITECTURE_LIMITS.channels / 16),
    layers: integer('layers', options.layers ?? defaults.layers, 1, MAX_LAYERS),
    ...imageSides(options.imageSize ?? defaults.imageSize),
    classes: integer('classes', options.classes ?? defaults.classes, 1, ARCHITECTURE_LIMITS.classes),
    supernetOutput: options.supernetOutput,
  };
}

function imageSides(size: ImageSize): { readonly height: number; readonly width: number } {
  if (typeof size === 'number') return sidesOf(integer('imageSize', size, 1, ARCHITECTURE_LIMITS.imageSize));
  return {
    height: integer('imageSize.height', size.height, 1, ARCHITECTURE_LIMITS.imageSize),
    width: integer('imageSize.width', size.width, 1, ARCHITECTURE_LIMITS.imageSize),
  };
}

function integer(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high)
    throw DomainError.invalid(`placement.${name}`, `${String(value)} is not an integer from ${low} to ${high}`, 'INVALID_PLACEMENT');
  return value;
}

/**
 * Explicit skeletons are bounded when validated; the others repeat their cells as often as the options say.
 * @throws DomainError INVALID_ARGUMENT for too many placed edges
 */
export function checkExtent({ cells, skeleton }: Architecture, { layers }: ResolvedPlacement): void {
  if (skeleton.kind === 'explicit') return;
  const edges = layers * Math.max(...cells.map((cell) => cell.edges.length));
  if (edges > ARCHITECTURE_LIMITS.placedEdges)
    throw DomainError.invalid('placement.layers', `up to ${edges} placed edges, at most ${ARCHITECTURE_LIMITS.placedEdges}`, 'INVALID_PLACEMENT');
}
