/** A cluster to break: every connection goes over a link that can be cut, every process can be held, and a search tells whether anything was lost. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { search as wire } from '@nat/contracts';
import type { Failpoint } from '@nat/base/failpoints';
import { createChannelTo, openClients, type PlatformClients } from '@nat/service';
import pg from 'pg';
import { createReport } from '../../../../tools/bootstrap/report.mjs';
import { startCluster, type Cluster, type Kind, type Member } from '../../../../tools/cluster/cluster.mjs';
import { until } from '../testing/processes.ts';
import { holdAt, type Held } from './hold.ts';
import { openLink, type Link, type LinkMode } from './proxy.ts';
import { openTopicReader, type TopicReader } from './topic-reader.ts';

/** Short times, so that a row takes seconds. Milliseconds. */
export const LEASE_MS = 3_000;
const TIMES = {
  NAT_LEASE_MS: String(LEASE_MS),
  NAT_RENEW_MS: '1000',
  NAT_SEARCH_LEASE_MS: String(LEASE_MS),
  NAT_SEARCH_RENEW_MS: '1000',
  NAT_SWEEP_MS: '2000',
};

export const STEPS = 8;
export const BATCH = 64;
const SEED = 11;

export interface Testbed {
  readonly cluster: Cluster;
  /** Through the gateway. */
  readonly clients: PlatformClients;
  readonly database: pg.Pool;
  readonly topic: TopicReader;
  readonly blobs: string;
  readonly membersOf: (kind: Kind) => readonly Member[];
  /** Processes of a kind that know another kind by a link of their own. */
  readonly setLinks: (from: Kind | 'all', to: Kind, mode: LinkMode) => void;
  readonly hold: (point: Failpoint) => Promise<Held>;
  /** Milliseconds that clocks of a kind are ahead. */
  readonly setClock: (kind: Kind, ms: number) => void;
  /** Everything as it was. */
  readonly heal: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * @param folder of everything the cluster keeps; emptied first
 * @param disk of the blobs: `small` can be filled, but holds the searches of one matrix only
 */
export async function openTestbed(folder: string, disk: 'small' | 'usual' = 'usual'): Promise<Testbed> {
  rmSync(folder, { recursive: true, force: true });
  const failpoints = join(folder, 'failpoints');
  const clocks = join(folder, 'clocks');
  for (const one of [failpoints, clocks]) mkdirSync(one, { recursive: true });
  const blobs = join(folder, 'cluster', 'blobs');
  mkdirSync(blobs, { recursive: true });
  const unmount = disk === 'small' ? mountSmall(blobs) : () => undefined;
  const links = new Map<string, { readonly from: Kind | 'all'; readonly to: Kind; readonly link: Link }>();
  const clockOf = (kind: Kind): string => join(clocks, kind);
  const kinds = ['registry', 'metrics', 'evaluator', 'policy', 'gateway', 'worker'] as const;
  const environment = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        ...(kind === 'evaluator' || kind === 'policy' ? TIMES : {}),
        NAT_FAILPOINTS: failpoints,
        NAT_CLOCK_FILE: clockOf(kind),
        NODE_OPTIONS: `--import ${join(import.meta.dirname, 'clock.mjs')}`,
      },
    ]),
  );
  const cluster = await startCluster({
    dir: join(folder, 'cluster'),
    port: 0,
    environment,
    reach: async (from, to, port) => {
      const key = `${from} ${to} ${port}`;
      const known = links.get(key) ?? { from, to, link: await openLink(port) };
      links.set(key, known);
      return known.link.port;
    },
    report: createReport(),
  });
  const channel = createChannelTo(cluster.address, { maxAttempts: 60 });
  const database = new pg.Pool({ connectionString: cluster.postgres(), max: 4 });
  database.on('error', () => undefined); // rows of faults kill the server: the next query connects again
  const topic = await openTopicReader(cluster.kafka());
  const membersOf = (kind: Kind): readonly Member[] => cluster.members.filter((member) => member.kind === kind);
  return {
    cluster,
    clients: openClients(channel, { deadlineMs: 120_000 }),
    database,
    topic,
    blobs,
    membersOf,
    setLinks: (from, to, mode) => {
      for (const one of links.values()) if (one.from === from && one.to === to) one.link.set(mode);
    },
    hold: (point) => holdAt(failpoints, point),
    setClock: (kind, ms) => {
      writeFileSync(clockOf(kind), String(ms));
    },
    heal: async () => {
      for (const { link } of links.values()) link.set('pass');
      for (const kind of kinds) rmSync(clockOf(kind), { force: true });
      rmSync(failpoints, { recursive: true, force: true });
      mkdirSync(failpoints);
      await until('every process runs', async () => {
        if (cluster.members.some(({ program }) => program.pid() === undefined)) return false;
        await Promise.all(cluster.members.map(({ program }) => program.ready()));
        return true;
      });
    },
    close: async () => {
      channel.close();
      await topic.close();
      await database.end();
      await cluster.stop();
      for (const { link } of links.values()) await link.close();
      unmount();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The matrix runs more than sixty searches, and each leaves about half a megabyte. */
export const SMALL_MB = 128;

/** A file system of its own for a folder, small enough to be filled; does nothing where that is not allowed. */
function mountSmall(folder: string): () => void {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_MB}m,mode=0755`, 'nat-faults', folder], { stdio: 'ignore' }).status === 0;
  return () => {
    if (mounted) spawnSync('umount', [folder], { stdio: 'ignore' });
  };
}

/** A search that was asked for, whatever happens to those who answer. */
export interface StartedSearch {
  readonly name: string;
  /** Resolves once it has learned so many steps. */
  readonly learned: (steps: number) => Promise<void>;
  /** Its final state, as its watcher was told. */
  readonly ended: Promise<wire.Search>;
}

const SPEC = {
  sources: { kind: { $case: 'space', value: 'SPACE_NASBENCH201' } },
  reward: { kind: { $case: 'tabular', value: { column: 'c10_valid_200' } }, candidatesPerEvaluation: 16 },
  learner: { steps: STEPS, batch: BATCH },
  seed: SEED,
} as const;

/** Several rounds in flight; none is ever too stale, so that every trial counts whatever is killed. */
const PIPELINED = { pipelining: { roundsInFlight: 3, maxStaleness: 10_000 } } as const;

/** Asks for the search that every row runs, and follows it as `nat search` does. */
export async function startSearch({ clients }: Testbed, mode: 'synchronous' | 'asynchronous' = 'synchronous'): Promise<StartedSearch> {
  const requestId = randomUUID();
  const request = { parent: 'namespaces/default', spec: { ...SPEC, ...(mode === 'asynchronous' ? PIPELINED : {}) }, requestId };
  const { name } = await clients.searches.createSearch(request);
  let step = 0;
  const follow = async (): Promise<wire.Search> => {
    let current: wire.Search | undefined;
    for (;;) {
      try {
        for await (const { event } of clients.searches.watchSearch({ name, fromStep: step + 1 }, { deadlineMs: Infinity })) {
          if (event?.$case === 'step') ({ step } = event.value);
          else if (event?.$case === 'search') current = event.value;
        }
        if (current !== undefined) return current;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  };
  return {
    name,
    learned: (steps) => until(`${name} has learned ${steps} steps`, () => step >= steps),
    ended: follow(),
  };
}
