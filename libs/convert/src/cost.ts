import type { Cost, CostBounds, CostShares } from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';

/** Counted from a graph, so without a latency. */
export function costToWire(cost: Cost): wire.Cost {
  return { params: cost.params, macs: cost.macs, peakActivationBytes: cost.peakActivationBytes };
}

/** The inverse of `costToWire`: what is counted of a cost. */
export function costFromWire({ params, macs, peakActivationBytes }: wire.Cost): Cost {
  return { params, macs, peakActivationBytes };
}

/**
 * Bounds as asked for; undefined where none binds.
 *
 * @param path where the bounds stand in the request
 * @throws DomainError UNIMPLEMENTED, reason LATENCY_NOT_BOUNDED, for a bound on latency, which nothing measures yet
 */
export function boundsFromWire(bounds: wire.CostBounds | undefined, path: string): CostBounds | undefined {
  if (bounds === undefined) return undefined;
  const { maxParams, maxMacs, maxPeakActivationBytes, maxLatency } = bounds;
  if (maxLatency !== undefined) {
    const field = `${path}.max_latency`;
    const description = 'latency is not measured, so it cannot be bounded';
    throw new DomainError('UNIMPLEMENTED', `${field}: ${description}`, { reason: 'LATENCY_NOT_BOUNDED', violations: [{ field, description }] });
  }
  if (maxParams === undefined && maxMacs === undefined && maxPeakActivationBytes === undefined) return undefined;
  return {
    ...(maxParams === undefined ? {} : { maxParams }),
    ...(maxMacs === undefined ? {} : { maxMacs }),
    ...(maxPeakActivationBytes === undefined ? {} : { maxPeakActivationBytes }),
  };
}

/** Bounds that were given as shares of the source's; undefined where none was. */
export function sharesFromWire(bounds: wire.CostBounds | undefined): CostShares | undefined {
  const { maxParamsShare: params, maxMacsShare: macs, maxPeakActivationShare: peakActivationBytes } = bounds ?? {};
  if (params === undefined && macs === undefined && peakActivationBytes === undefined) return undefined;
  return {
    ...(params === undefined ? {} : { params }),
    ...(macs === undefined ? {} : { macs }),
    ...(peakActivationBytes === undefined ? {} : { peakActivationBytes }),
  };
}

/** The inverse of `boundsFromWire`. */
export function boundsToWire(bounds: CostBounds | undefined): wire.CostBounds | undefined {
  if (bounds === undefined) return undefined;
  const { maxParams, maxMacs, maxPeakActivationBytes } = bounds;
  return { maxParams, maxMacs, maxPeakActivationBytes };
}
