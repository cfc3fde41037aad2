import type { Counts, Milestone, Utilisation } from './phases.ts';

export interface PeerRates {
  readonly name: string;
  /** Trials a second, a number for each turn. */
  readonly perSecond: number[];
}

export interface ScaleResult {
  readonly workers: number;
  readonly leases: number;
  readonly milestones: readonly Milestone[];
  readonly batched: { readonly candidatesAnEvaluation: number; readonly evaluationsPerSecond: number };
  readonly utilisation: Utilisation;
  /** Evaluations a second beside the peers. */
  readonly oursInTurns: readonly number[];
  readonly peers: readonly PeerRates[];
  readonly counts: readonly (Counts & { readonly candidatesAnEvaluation: number; readonly inTopic: number })[];
  /** Processes that wanted a processor, one-minute averages seen at the phases. */
  readonly load: { readonly least: number; readonly most: number };
}
