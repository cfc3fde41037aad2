import { evaluation } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { createChannelTo, createLogger, createServer, domainErrorToStatus, type ClientChannel, type Server } from '@nat/service';
import { OBSERVATION_TOPIC, OUTCOME_TOPIC, type BlobStore, type Database } from '@nat/storage';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { composeEvaluator, type Evaluator } from '../compose.ts';
import type { CoordinatorConfig } from '../config.ts';

export const PARENT = 'namespaces/default';
export const SEARCH = `${PARENT}/searches/s1`;

/** A coordinator served over gRPC on a free port of loopback. */
export interface CoordinatorHarness {
  readonly address: string;
  readonly channel: ClientChannel;
  readonly registry: Registry;
  readonly evaluator: Evaluator;
  readonly server: Server;
  readonly stop: () => Promise<void>;
}

export interface HarnessOptions {
  readonly database: Database;
  readonly config?: Partial<CoordinatorConfig>;
  readonly blobs?: BlobStore;
  readonly port?: number;
}

export async function startCoordinatorHarness({ database, config = {}, blobs, port = 0 }: HarnessOptions): Promise<CoordinatorHarness> {
  const logger = createLogger({ name: 'evaluator-test', level: 'silent' });
  const registry = new Registry();
  const evaluator = await composeEvaluator({ database, logger, config, registry, ...(blobs === undefined ? {} : { blobs }) });
  const server = createServer({ services: evaluator.services, logger });
  const bound = await server.listen({ host: '127.0.0.1', port });
  const address = `127.0.0.1:${bound}`;
  const channel = createChannelTo(address);
  await channel.waitUntilReady(10_000);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    channel.close();
    await evaluator.close();
    await server.drain(2_000);
  };
  return { address, channel, registry, evaluator, server, stop: () => (stopping ??= stop()) };
}

/** NAS-Bench-201 cells: `<prefix>-0`, `<prefix>-1`, ... */
export function cellCandidates(prefix: string, count: number): evaluation.Candidate[] {
  return Array.from({ length: count }, (_, i) => {
    const value = `|${i % 2 === 0 ? 'nor_conv_3x3' : 'skip_connect'}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|`;
    return { id: `${prefix}-${i}`, architecture: { ref: { $case: 'nasbench201', value } } };
  });
}

export function tabularSpec(candidates: readonly evaluation.Candidate[], overrides: Partial<evaluation.EvaluationSpec> = {}): evaluation.EvaluationSpec {
  const table = evaluation.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201;
  return evaluation.EvaluationSpec.create({
    kind: { $case: 'tabular', value: { table, column: 'c10_valid_200', candidates: [...candidates] } },
    search: SEARCH,
    ...overrides,
  });
}

export function succeededWith(candidates: readonly evaluation.Candidate[], value = 0.5): evaluation.Outcome {
  const results = candidates.map(({ id }, i) => evaluation.CandidateResult.create({ candidateId: id, result: { $case: 'value', value: value + i / 8 } }));
  return { result: { $case: 'succeeded', value: { results, metrics: {} } } };
}

export function failedWith(reason: string, terminal: boolean): evaluation.Outcome {
  const error = domainErrorToStatus(new DomainError('INTERNAL', `${reason} happened`, { reason }));
  return { result: { $case: 'failed', value: { error, terminal } } };
}

/** The observation events that were published, as stored. */
export async function publishedObservations(
  database: Database,
): Promise<{ readonly key: string; readonly id: string; readonly event: evaluation.ObservationEvent }[]> {
  const { rows } = await sql<{ key: string; id: string; payload: Uint8Array }>`
    SELECT key, id, payload FROM storage.outbox WHERE topic = ${OBSERVATION_TOPIC.name} ORDER BY position`.execute(database.kysely);
  return rows.map(({ key, id, payload }) => ({ key, id, event: evaluation.ObservationEvent.decode(payload) }));
}

/** The outcome events that were published, as stored. */
export async function publishedEvents(
  database: Database,
): Promise<{ readonly key: string; readonly id: string; readonly event: evaluation.OutcomeEvent; readonly payload: Uint8Array }[]> {
  const { rows } = await sql<{ key: string; id: string; payload: Uint8Array }>`
    SELECT key, id, payload FROM storage.outbox WHERE topic = ${OUTCOME_TOPIC.name} ORDER BY position`.execute(database.kysely);
  return rows.map((row) => ({ ...row, event: evaluation.OutcomeEvent.decode(row.payload) }));
}
