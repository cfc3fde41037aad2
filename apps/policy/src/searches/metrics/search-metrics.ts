import type { Database } from '@nat/storage';
import { sql } from 'kysely';
import { Gauge, type Registry } from 'prom-client';
import { roundIsOpen } from '../store/open-rounds.ts';
import type { SearchStateName, SearchTables } from '../store/tables.ts';

const STATES: readonly SearchStateName[] = ['RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'CANCELLED'];

/**
 * Shows searches and how far their learners are behind. Read from the database when the registry is scraped, so every replica shows the same numbers:
 * they are joined by max, not by sum.
 */
export function exposeSearches(registry: Registry, { kysely }: Database<SearchTables>): void {
  const registers = [registry];
  const searches = new Gauge({
    name: 'nat_searches',
    help: 'Searches by state',
    labelNames: ['state'],
    registers,
    collect: async () => {
      const rows = await kysely
        .selectFrom('policy.search')
        .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
        .where('delete_time', 'is', null)
        .groupBy('state')
        .execute();
      const counts = new Map(rows.map(({ state, count }) => [state, count]));
      for (const state of STATES) searches.set({ state }, counts.get(state) ?? 0);
    },
  });
  // Rows outlive their step.
  const open = kysely
    .selectFrom('policy.search as search')
    .innerJoin('policy.round as round', 'round.search', 'search.ordinal')
    .where('search.state', '=', 'RUNNING')
    .where(roundIsOpen);
  const inbox = new Gauge({
    name: 'nat_learner_inbox_candidates',
    help: 'Candidates of running searches whose outcomes have come in and that no step has consumed yet',
    registers,
    collect: async () => {
      const rows = open.innerJoin('policy.outcome as outcome', 'outcome.round', 'round.ordinal');
      inbox.set((await rows.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count);
    },
  });
  const evaluations = open.innerJoin('policy.evaluation as evaluation', 'evaluation.round', 'round.ordinal');
  const awaited = new Gauge({
    name: 'nat_learner_evaluations_awaited',
    help: 'Evaluations of running searches that were asked for and have not come back',
    registers,
    collect: async () => {
      const rows = evaluations.where('evaluation.state', '=', 'PENDING');
      awaited.set((await rows.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count);
    },
  });
  const lag = new Gauge({
    name: 'nat_learner_lag_seconds',
    help: 'Age of the oldest evaluation of a running search that no step has consumed; 0 where there is none',
    registers,
    collect: async () => {
      const { seconds } = await evaluations
        .select(sql<number | null>`extract(epoch FROM clock_timestamp() - min(evaluation.create_time))::float8`.as('seconds'))
        .executeTakeFirstOrThrow();
      lag.set(seconds ?? 0);
    },
  });
}
