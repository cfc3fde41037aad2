/** The part of a spec that says when a search learns, completed. */
import { search as wire } from '@nat/contracts';
import { DEFAULT_IMPORTANCE_CLIP } from '@nat/nat';

type Refuse = (field: string, description: string) => void;
type Completed = Pick<wire.SearchSpec, 'mode' | 'roundsInFlight' | 'maxStaleness' | 'importanceClip'>;

const ROUNDS_IN_FLIGHT = 4;

function isAsynchronous({ mode }: wire.SearchSpec): boolean {
  return mode === 'SEARCH_MODE_ASYNCHRONOUS';
}

/** Fills in what is left out, and refuses what does not go together. */
export function completeMode(given: wire.SearchSpec, refuse: Refuse): Completed {
  const { roundsInFlight, maxStaleness, importanceClip, evaluator } = given;
  if (!isAsynchronous(given)) {
    const set = { rounds_in_flight: roundsInFlight > 0, max_staleness: maxStaleness !== undefined, importance_clip: importanceClip !== undefined };
    for (const [field, is] of Object.entries(set)) if (is) refuse(field, 'belongs to the asynchronous mode');
    return { mode: wire.SearchMode.SEARCH_MODE_SYNCHRONOUS, roundsInFlight: 0, maxStaleness: undefined, importanceClip: undefined };
  }
  if (evaluator === 'shared-weights') refuse('mode', 'shared weights are trained between rounds: they need the synchronous mode');
  const rounds = roundsInFlight || ROUNDS_IN_FLIGHT;
  const most = maxStaleness ?? 2 * rounds;
  if (most < rounds - 1)
    refuse('max_staleness', `${most} drops rounds that come in the order they were drawn: ${rounds} in flight need at least ${rounds - 1}`);
  return { mode: given.mode, roundsInFlight: rounds, maxStaleness: most, importanceClip: importanceClip ?? DEFAULT_IMPORTANCE_CLIP };
}
