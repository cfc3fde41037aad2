import { search as wire } from '@nat/contracts';
import { until } from '../testing/processes.ts';
import { BATCH, STEPS, type StartedSearch, type Testbed } from './testbed.ts';

/** What must hold after every fault. @throws Error saying what does not */
export async function verify(bed: Testbed, search: StartedSearch, reference: wire.Search | undefined): Promise<wire.Search> {
  const ended = await within(search.ended, 'the watcher of the search is told its end');
  const wrong: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown): void => {
    if (found !== wanted) wrong.push(`${what}: ${String(found)}, not ${String(wanted)}`);
  };
  expect('state', ended.state, wire.SearchState.SEARCH_STATE_SUCCEEDED);
  expect('error', ended.error?.message ?? '', '');
  expect('steps', ended.step, STEPS);
  expect('rewards', ended.rewards, STEPS * BATCH);
  expect('failed candidates', ended.failedCandidates, 0);
  if (reference !== undefined) {
    expect('policy', ended.policySha256, reference.policySha256);
    expect('candidates', ended.candidates, reference.candidates);
  }

  const one = async (sql: string): Promise<Record<string, unknown>> => (await bed.database.query<Record<string, unknown>>(sql, [search.name])).rows[0] ?? {};
  // The first outcome of an evaluation is stored once, whoever reported how many.
  const evaluations = await one(`select count(*)::int as all, count(outcome)::int as ended, count(*) filter (where state = 'SUCCEEDED')::int as succeeded
    from evaluator.evaluation where search = $1`);
  expect('evaluations with an outcome', evaluations['ended'], evaluations['all']);
  expect('evaluations that succeeded', evaluations['succeeded'], evaluations['all']);
  const id = search.name.slice(search.name.lastIndexOf('/') + 1);
  const inbox = await bed.database.query<{ candidates: number }>(
    `select count(*)::int as candidates from policy.outcome o join policy.round r on r.ordinal = o.round join policy.search s on s.ordinal = r.search where s.search_id = $1`,
    [id],
  );
  expect('candidates in the inbox', inbox.rows[0]?.candidates, ended.candidates);

  // Messages that were held up may still come: the topic ends with an event of every evaluation.
  const named = async (): Promise<ReadonlySet<string>> => new Set((await bed.topic.eventsOf(search.name)).map(({ evaluation: name }) => name));
  await until('the topic has every outcome', async () => (await named()).size >= Number(evaluations['all']));
  const events = await bed.topic.eventsOf(search.name);
  const results = events.flatMap(({ outcome }) => (outcome?.result?.$case === 'succeeded' ? outcome.result.value.results : []));
  expect('distinct succeeded candidates in the topic', new Set(results.map(({ candidateId }) => candidateId)).size, ended.candidates);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return ended;
}

const LONGEST_MS = 180_000;

/** @throws Error when it takes longer than anything here may */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${LONGEST_MS / 1000} s: ${what}`));
    }, LONGEST_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
