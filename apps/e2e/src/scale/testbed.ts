/** A cluster to measure: coordinators and a policy service on Kafka and PostgreSQL, and a search of which the evaluations are submitted here. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type architecture, evaluation } from '@nat/contracts';
import { createChannelTo, openClients, type ClientChannel } from '@nat/service';
import pg from 'pg';
import { createReport } from '../../../../tools/bootstrap/report.mjs';
import { startCluster, type Cluster } from '../../../../tools/cluster/cluster.mjs';

const NAMESPACE = 'namespaces/default';
/** Evaluations of one submission. */
const SUBMITTED_AT_ONCE = 200;

export interface ScaleTestbed {
  readonly cluster: Cluster;
  readonly database: pg.Pool;
  readonly blobs: string;
  /** `host:port` of every coordinator, separated by commas, as workers are told. */
  readonly coordinators: string;
  readonly newRun: (candidates: number) => Promise<Run>;
  readonly close: () => Promise<void>;
}

/** A search whose evaluations are submitted here, and whose outcomes the policy service takes in; nothing is learned of them. */
export interface Run {
  readonly search: string;
  readonly candidatesAnEvaluation: number;
  readonly submitted: () => number;
  /** Notes evaluations with the learner, as a search does before it submits, and submits them. */
  readonly submit: (count: number) => Promise<void>;
}

/** @param folder of everything the cluster keeps; emptied first */
export async function openScaleTestbed(folder: string): Promise<ScaleTestbed> {
  rmSync(folder, { recursive: true, force: true });
  const cluster = await startCluster({
    dir: folder,
    port: 0,
    replicas: 1,
    workers: 0,
    // When the outcome of an evaluation was committed, and when its row of the inbox was, is read from the server.
    postgresSettings: { track_commit_timestamp: 'on' },
    report: createReport(),
  });
  const coordinators = cluster.members
    .filter(({ kind }) => kind === 'evaluator')
    .map(({ port }) => `127.0.0.1:${String(port)}`)
    .join(',');
  const channel = createChannelTo(coordinators);
  const database = new pg.Pool({ connectionString: cluster.postgres(), max: 4 });
  let runs = 0;
  return {
    cluster,
    database,
    blobs: join(folder, 'blobs'),
    coordinators,
    newRun: (candidates) => {
      runs += 1;
      return newRun(database, channel, `scale-${runs}`, candidates);
    },
    close: async () => {
      channel.close();
      await database.end();
      await cluster.stop();
    },
  };
}

async function newRun(database: pg.Pool, channel: ClientChannel, id: string, candidatesAnEvaluation: number): Promise<Run> {
  const { evaluations } = openClients(channel, { deadlineMs: 120_000 });
  const search = `${NAMESPACE}/searches/${id}`;
  // Paused: no runner takes it up.
  const { rows } = await database.query<{ ordinal: string }>(
    `insert into policy.search (namespace, search_id, spec, effective_spec, state) values ($1, $2, '{}', '{}', 'PAUSED') returning ordinal`,
    [NAMESPACE, id],
  );
  let submitted = 0;
  const submitSome = async (count: number): Promise<void> => {
    const names = Array.from({ length: count }, (_, i) => `${id}-${submitted + i}`);
    await database.query(
      `with round as (insert into policy.round (search, number, policy_step) values ($1, $2, 0) returning ordinal)
       insert into policy.evaluation (name, round, position, kind, first_candidate, candidates)
       select name, round.ordinal, i - 1, 'candidates', (i - 1) * $4, $4 from round, unnest($3::text[]) with ordinality as submitted (name, i)`,
      [rows[0]?.ordinal, submitted, names.map((name) => `${NAMESPACE}/evaluations/${name}`), candidatesAnEvaluation],
    );
    await evaluations.submitEvaluations(
      {
        parent: NAMESPACE,
        evaluations: names.map((evaluationId, i) => ({ evaluationId, spec: specOf(search, evaluationId, i * candidatesAnEvaluation, candidatesAnEvaluation) })),
      },
      { retry: true },
    );
    submitted += count;
  };
  return {
    search,
    candidatesAnEvaluation,
    submitted: () => submitted,
    submit: async (count) => {
      for (let left = count; left > 0; left -= SUBMITTED_AT_ONCE) await submitSome(Math.min(left, SUBMITTED_AT_ONCE));
    },
  };
}

const OPERATIONS = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];

/** A cell of NAS-Bench-201: every number below 5^6 another one. */
function cell(number: number): architecture.ArchitectureRef {
  const at = (place: number): string => OPERATIONS[Math.floor(number / 5 ** place) % 5] ?? '';
  return { ref: { $case: 'nasbench201', value: `|${at(0)}~0|+|${at(1)}~0|${at(2)}~1|+|${at(3)}~0|${at(4)}~1|${at(5)}~2|` } };
}

/** Candidates as a search on NAS-Bench-201 sends them; the last part of an id is the candidate's number in its round. */
function specOf(search: string, id: string, first: number, count: number): evaluation.EvaluationSpec {
  const seed = Number(id.slice(id.lastIndexOf('-') + 1));
  const candidates = Array.from({ length: count }, (_, i) => ({ id: `${id}/${first + i}`, architecture: cell(seed * 7919 + i * 31) }));
  const table = evaluation.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201;
  return evaluation.EvaluationSpec.create({ kind: { $case: 'tabular', value: { table, column: 'c10_valid_200', candidates } }, search });
}
