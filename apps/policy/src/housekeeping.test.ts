import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { search as wire } from '@nat/contracts';
import { createLogger } from '@nat/service';
import type { BlobStore } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepPolicyHouse } from './housekeeping.ts';
import { HANG_MS } from './searches/testing/hang.ts';
import { tabularSpec } from './searches/testing/specs.ts';
import { startSearchHarness, type SearchHarness } from './searches/testing/search-harness.ts';
import { writeTinyTable } from './searches/testing/tiny-table.ts';

const parent = 'namespaces/default';
const DAY_MS = 24 * 3_600_000;

describe.each(testDatabases)('housekeeping of the policy service on $title', { timeout: HANG_MS }, ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let folder: string;
  let home: TestDatabase;
  let harness: SearchHarness;
  const silent = new Set<string>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-policy-house-'));
    await writeTinyTable(folder);
    home = await open();
    harness = await startSearchHarness({
      home: join(folder, 'home'),
      database: home.database,
      dataDirectory: folder,
      evaluator: { outcomeOf: (id) => (silent.has(id) ? 'silent' : undefined) },
    });
  }, HANG_MS);
  afterAll(async () => {
    await harness.close();
    await home.dispose();
    await rm(folder, { recursive: true, force: true });
  }, HANG_MS);

  const spec = tabularSpec({ steps: 2, batch: 4 });
  const rows = async (table: string): Promise<number> =>
    (await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(table)}`.execute(home.database.kysely)).rows[0]!.n;
  const keep = (blobs: BlobStore = harness.blobs, graceMs = DAY_MS) =>
    keepPolicyHouse({
      database: harness.database,
      blobs,
      config: { retentionMs: 30 * DAY_MS, blobGraceMs: graceMs },
      logger: createLogger({ name: 'house', level: 'silent' }),
    });
  const ended = async (searchId: string): Promise<wire.Search> => {
    let last: wire.Search | undefined;
    for await (const { event } of harness.clients.searches.watchSearch({ name: `${parent}/searches/${searchId}` }))
      if (event?.$case === 'search') last = event.value;
    return last!;
  };

  it('forgets what was drawn and asked long ago, but no search that may still learn', async () => {
    await harness.clients.searches.createSearch({ parent, searchId: 'old', requestId: 'r1', spec });
    const { state } = await ended('old');
    expect(state).toBe('SEARCH_STATE_SUCCEEDED');
    silent.add('live.2.0');
    await harness.clients.searches.createSearch({ parent, searchId: 'live', requestId: 'r2', spec });
    await expect.poll(async () => (await harness.clients.searches.getSearch({ name: `${parent}/searches/live` })).step, { timeout: HANG_MS }).toBe(1);
    await expect.poll(() => rows('policy.round'), { timeout: HANG_MS }).toBe(4);
    await keep();
    expect([await rows('policy.round'), await rows('policy.trial'), await rows('policy.request')]).toEqual([4, 16, 2]);

    await sql`UPDATE policy.search SET end_time = end_time - interval '31 days', create_time = create_time - interval '31 days'`.execute(home.database.kysely);
    await sql`UPDATE policy.request SET create_time = create_time - interval '8 days' WHERE key LIKE '%:r1'`.execute(home.database.kysely);
    await keep();
    expect([await rows('policy.round'), await rows('policy.trial'), await rows('policy.request')]).toEqual([2, 8, 1]);
    // What a search came to stays.
    expect(await harness.clients.searches.getSearch({ name: `${parent}/searches/old` })).toMatchObject({ state, step: 2, rewards: 8 });
    expect(await ended('old')).toMatchObject({ state });
    expect((await harness.clients.policies.exportPolicyVersion({ name: `${parent}/policies/old` })).checkpoint.length).toBeGreaterThan(0);
    silent.clear();
    await harness.clients.searches.cancelSearch({ name: `${parent}/searches/live` });
  });

  it('collects what nothing names, once every service has said what it needs', async () => {
    const garbage = await harness.blobs.put(Buffer.from('garbage'));
    const elsewhere = await harness.blobs.put(Buffer.from('named by the evaluator'));
    // As if the grace of all that is there had passed.
    const later = new Date(Date.now() + 1_000);
    const shifted: BlobStore = {
      ...harness.blobs,
      publishReferences: (list) => harness.blobs.publishReferences({ ...list, takenAt: later }),
      collect: (options) => harness.blobs.collect({ ...options, before: later }),
    };
    await keep(shifted);
    expect(await harness.blobs.has(garbage)).toBe(true); // nothing is known of the evaluator
    await harness.blobs.publishReferences({ owner: 'evaluator-x', takenAt: later, keys: new Set([elsewhere]) });
    await keep(shifted);
    expect([await harness.blobs.has(garbage), await harness.blobs.has(elsewhere)]).toEqual([false, true]);
    // Learner states, and policies, are named by their rows.
    expect((await harness.clients.policies.exportPolicyVersion({ name: `${parent}/policies/old` })).checkpoint.length).toBeGreaterThan(0);
    const fork = await harness.clients.searches.forkSearch({ name: `${parent}/searches/old`, searchId: 'fork', steps: 3 });
    expect(await ended(fork.searchId)).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 3 });
  });
});
