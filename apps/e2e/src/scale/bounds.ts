import type { ScaleResult } from './result.ts';

/** Something that was promised, and what was found. */
export interface Bound {
  readonly what: string;
  readonly found: string;
  readonly holds: boolean;
}

const RATE = 1_000;
const FLAT = 0.7;
const BUSY = 0.95;

/** The stated bounds of a run; a smaller run has no rate at 10,000 to compare with. */
export function boundsOf({ milestones, utilisation, counts }: ScaleResult): readonly Bound[] {
  const last = milestones.at(-1)!.window;
  const at10k = milestones.find(({ stored }) => stored === 10_000 && stored !== last.stored)?.window;
  const share = at10k === undefined ? undefined : last.evaluationsPerSecond / at10k.evaluationsPerSecond;
  const each = (what: string, fits: (count: ScaleResult['counts'][number]) => boolean): Bound => {
    const wrong = counts.filter((count) => !fits(count));
    return {
      what,
      found: wrong.length === 0 ? `${counts.reduce((sum, { submitted }) => sum + submitted, 0)} do` : JSON.stringify(wrong),
      holds: wrong.length === 0,
    };
  };
  return [
    {
      what: `at least ${RATE} evaluations/s with ${last.stored} stored`,
      found: last.evaluationsPerSecond.toFixed(0),
      holds: last.evaluationsPerSecond >= RATE,
    },
    ...(share === undefined
      ? []
      : [{ what: `the rate at ${last.stored} is at least ${FLAT} of the rate at 10000`, found: share.toFixed(2), holds: share >= FLAT }]),
    {
      what: `${utilisation.workers} workers with evaluations of ${utilisation.workMs / 1_000} s are busy ${100 * BUSY} % of the time`,
      found: `${(100 * utilisation.share).toFixed(1)} %`,
      holds: utilisation.share >= BUSY,
    },
    each(
      'every evaluation has exactly one outcome, and an event in the topic',
      ({ submitted, outcomes, inTopic }) => outcomes === submitted && inTopic === submitted,
    ),
    each(
      'every outcome is in the inbox once, with all its candidates',
      ({ submitted, received, candidates, candidatesAnEvaluation }) => received === submitted && candidates === submitted * candidatesAnEvaluation,
    ),
  ];
}
