import { sidesOf, type ImageSize, type PlacementOptions } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';

const NETWORKS = { NETWORK_EVALUATION: 'evaluation', NETWORK_IMAGENET: 'imagenet', NETWORK_SUPERNET: 'supernet' } as const;
const WIRE_NETWORKS = { evaluation: 'NETWORK_EVALUATION', imagenet: 'NETWORK_IMAGENET', supernet: 'NETWORK_SUPERNET' } as const;

/** Which network cells are placed into. What is absent is left to the network. */
export function placementFromWire(placement: wire.Placement | undefined): PlacementOptions {
  if (placement === undefined) return {};
  const { network, channels, layers, imageSize, classes } = placement;
  return {
    ...(network === 'NETWORK_UNSPECIFIED' || network === 'UNRECOGNIZED' ? {} : { network: NETWORKS[network] }),
    ...(channels === undefined ? {} : { channels }),
    ...(layers === undefined ? {} : { layers }),
    ...(imageSize === undefined ? {} : { imageSize: imageSizeFromWire(imageSize) }),
    ...(classes === undefined ? {} : { classes }),
  };
}

/** The inverse of `placementFromWire`. The rule by which a supernet's nodes count is not part of the contract: it follows from the cells. */
export function placementToWire({ network, channels, layers, imageSize, classes }: PlacementOptions): wire.Placement {
  return {
    network: network === undefined ? wire.Network.NETWORK_UNSPECIFIED : WIRE_NETWORKS[network],
    channels,
    layers,
    imageSize: imageSize === undefined ? undefined : imageSizeToWire(imageSize),
    classes,
  };
}

/** A square is one number, as the domain writes it. */
export function imageSizeFromWire({ height, width }: wire.ImageSize): ImageSize {
  return height === width ? height : { height, width };
}

/** The inverse of `imageSizeFromWire`. */
export function imageSizeToWire(size: ImageSize): wire.ImageSize {
  return sidesOf(size);
}
