import { sidesOf, type ImageSize, type PlacementOptions } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';

const NETWORKS = { NETWORK_EVALUATION: 'evaluation', NETWORK_IMAGENET: 'imagenet', NETWORK_SUPERNET: 'supernet' } as const;
const WIRE_NETWORKS = { evaluation: 'NETWORK_EVALUATION', imagenet: 'NETWORK_IMAGENET', supernet: 'NETWORK_SUPERNET' } as const;

/** Zero values are left out: they mean the defaults of the network. */
export function placementFromWire(placement: wire.Placement | undefined): PlacementOptions {
  if (placement === undefined) return {};
  const { network, channels, layers, imageSize, classes } = placement;
  return {
    ...(network === 'NETWORK_UNSPECIFIED' || network === 'UNRECOGNIZED' ? {} : { network: NETWORKS[network] }),
    ...(channels > 0 ? { channels } : {}),
    ...(layers > 0 ? { layers } : {}),
    ...(imageSize > 0 ? { imageSize } : {}),
    ...(classes > 0 ? { classes } : {}),
  };
}

/** The inverse of `placementFromWire`. */
export function placementToWire(options: PlacementOptions): wire.Placement {
  return {
    network: options.network === undefined ? wire.Network.NETWORK_UNSPECIFIED : WIRE_NETWORKS[options.network],
    channels: options.channels ?? 0,
    layers: options.layers ?? 0,
    imageSize: sideToWire(options.imageSize ?? 0),
    classes: options.classes ?? 0,
  };
}

/** The contract has one number, for squares. @throws RangeError for another rectangle */
export function sideToWire(size: ImageSize): number {
  const { height, width } = sidesOf(size);
  if (height !== width) throw new RangeError(`${height} x ${width} is no square`);
  return height;
}
