import type { Cost, CostBounds } from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { boundsFromWire, boundsToWire, costFromWire, costToWire } from './cost.ts';

/** What a result costs, against its source and the bounds asked for. */
export interface CertifiedCost {
  /** True where the result exceeds its source on no axis, and no bound. */
  readonly holds: boolean;
  readonly source: Cost;
  readonly result: Cost;
  readonly budget?: CostBounds;
}

export function certificateToWire(certificate: CertifiedCost): wire.Certificate {
  const { holds, source, result, budget } = certificate;
  return { holds, source: costToWire(source), result: costToWire(result), bounds: boundsToWire(budget), violations: [...violationsOf(certificate)] };
}

/** The inverse of `certificateToWire`; the words follow from the numbers. */
export function certificateFromWire({ holds, source, result, bounds }: wire.Certificate): CertifiedCost {
  const budget = boundsFromWire(bounds, 'bounds');
  return { holds, source: costFromWire(source!), result: costFromWire(result!), ...(budget === undefined ? {} : { budget }) };
}

/** What does not hold, in words; empty when the certificate holds. */
function violationsOf({ source, result, budget, holds }: CertifiedCost): readonly string[] {
  if (holds) return [];
  const exceeds = (what: string, value: number, bound: number, of: string): readonly string[] =>
    value > bound ? [`${what} ${value} is above ${of} ${bound}`] : [];
  return [
    ...exceeds('params', result.params, source.params, "the source's"),
    ...exceeds('MACs', result.macs, source.macs, "the source's"),
    ...exceeds('peak activation bytes', result.peakActivationBytes, source.peakActivationBytes, "the source's"),
    ...exceeds('params', result.params, budget?.maxParams ?? Infinity, 'the bound of'),
    ...exceeds('MACs', result.macs, budget?.maxMacs ?? Infinity, 'the bound of'),
    ...exceeds('peak activation bytes', result.peakActivationBytes, budget?.maxPeakActivationBytes ?? Infinity, 'the bound of'),
  ];
}
