import { evaluation } from '@nat/contracts';
import { createChannelTo, createLogger, createServer, type ClientChannel, type Server } from '@nat/service';
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

/** Pairs of NAS-Bench-201 cells: `<prefix>-0`, `<prefix>-1`, ... */
export function cellPairs(prefix: string, count: number): evaluation.Pair[] {
  const cell = (operation: string): string => `|${operation}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|`;
  return Array.from({ length: count }, (_, i) => ({
    id: `${prefix}-${i}`,
    source: { ref: { $case: 'nasbench201' as const, value: cell('nor_conv_3x3') } },
    result: { ref: { $case: 'nasbench201' as const, value: cell('skip_connect') } },
  }));
}

export function tabularSpec(pairs: readonly evaluation.Pair[], overrides: Partial<evaluation.EvaluationSpec> = {}): evaluation.EvaluationSpec {
  return evaluation.EvaluationSpec.create({
    kind: { $case: 'tabular', value: { table: 'nasbench201', column: 'c10_valid_200', pairs: [...pairs] } },
    search: SEARCH,
    ...overrides,
  });
}

export function succeededWith(pairs: readonly evaluation.Pair[], value = 0.5): evaluation.Outcome {
  return evaluation.Outcome.create({
    result: {
      $case: 'succeeded',
      value: { values: pairs.map(({ id }) => ({ pairId: id, sourceValue: value, resultValue: value + 0.25 })), weights: '', metrics: {} },
    },
  });
}

export function failedWith(reason: string, terminal: boolean): evaluation.Outcome {
  return { result: { $case: 'failed', value: { reason, message: `${reason} happened`, terminal } } };
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
