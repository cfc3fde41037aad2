import type { RandomStream } from '@nat/base/random';

/** A rectangle of an image, in pixels. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Share of the image's area, and width over height, that a training crop has (Szegedy et al. 2015). */
const AREA = [0.08, 1] as const;
const ASPECT = [3 / 4, 4 / 3] as const;
const ATTEMPTS = 10;
/** Images are evaluated at 256 pixels where they are trained at 224. */
const EVALUATION_SHARE = 224 / 256;

/**
 * The crop of a training image: its area uniform, its aspect ratio log-uniform, its place uniform, as torchvision's RandomResizedCrop. An image too
 * long and narrow for ten attempts gives its central part in the nearest aspect ratio.
 */
export function randomResizedCrop(width: number, height: number, random: RandomStream): Crop {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * between(AREA[0], AREA[1], random);
    const aspect = Math.exp(between(Math.log(ASPECT[0]), Math.log(ASPECT[1]), random));
    const crop = { width: Math.round(Math.sqrt(area * aspect)), height: Math.round(Math.sqrt(area / aspect)) };
    if (crop.width < 1 || crop.width > width || crop.height < 1 || crop.height > height) continue;
    return { ...crop, top: random.integer(height - crop.height + 1), left: random.integer(width - crop.width + 1) };
  }
  return centred(width, height, {
    width: Math.max(1, Math.min(width, Math.round(height * ASPECT[1]))),
    height: Math.max(1, Math.min(height, Math.round(width / ASPECT[0]))),
  });
}

/** How an image is evaluated: scaled so that its shorter side is 256/224 of `imageSize`, then cropped to the central `imageSize` x `imageSize`. */
export function centralCrop(
  width: number,
  height: number,
  imageSize: number,
): { readonly scaled: { readonly width: number; readonly height: number }; readonly crop: Crop } {
  const shorter = Math.round(imageSize / EVALUATION_SHARE);
  const longer = Math.trunc((shorter * Math.max(width, height)) / Math.min(width, height));
  const scaled = width <= height ? { width: shorter, height: longer } : { width: longer, height: shorter };
  return { scaled, crop: centred(scaled.width, scaled.height, { width: imageSize, height: imageSize }) };
}

function centred(width: number, height: number, crop: { readonly width: number; readonly height: number }): Crop {
  return { ...crop, left: Math.round((width - crop.width) / 2), top: Math.round((height - crop.height) / 2) };
}

function between(low: number, high: number, random: RandomStream): number {
  return low + (high - low) * random.uniform();
}
