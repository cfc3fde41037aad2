import type { ColumnType, Generated, Kysely, Selectable, Transaction } from 'kysely';
import type { PolicyTables } from '../../policies/tables.ts';

export type SearchStateName = 'RUNNING' | 'PAUSED' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
export type EvaluationStateName = 'PENDING' | 'SUCCEEDED' | 'FAILED';
/** `weights`: a shard of weight training; `average`: of the shards of a round of it; `candidates`: what rewards come from. */
export type EvaluationKindName = 'weights' | 'average' | 'candidates';

type Assigned<T> = ColumnType<T, never, never>;
type Json = ColumnType<unknown, unknown, unknown>;

export interface SearchTable {
  ordinal: Assigned<number>;
  namespace: string;
  search_id: string;
  /** SearchSpec as protobuf JSON: as it was given, and with every default filled in. */
  spec: Json;
  effective_spec: Json;
  state: Generated<SearchStateName>;
  /** Steps learned. */
  step: Generated<number>;
  /** Candidates that have values, and those that failed for good. */
  candidates: Generated<number>;
  failed_candidates: Generated<number>;
  /** Trials counted. */
  rewards: Generated<number>;
  /** Trials of rounds that were dropped. */
  dropped_trials: Generated<number>;
  /** Blob with the learner's state after `step`; empty before the first round. */
  learner_state: Generated<string>;
  /** Blob with the supernet's weights after `step`. */
  weights: Generated<string>;
  /** Rounds of weight training behind `weights`. */
  weight_rounds: Generated<number>;
  /** HeldOutReport as protobuf JSON. */
  held_out: Json | null;
  policy_sha256: Generated<string>;
  /** google.rpc.Status of why it failed. */
  error: Uint8Array | null;
  forked_from: Generated<string>;
  /** Process that runs it, and until when it may without renewing, by the database's clock. */
  owner: string | null;
  lease_expires_at: Date | null;
  /** Counts owners; every commit of one checks it. */
  owner_epoch: Generated<number>;
  /** Steps that the metrics service has. */
  metrics_step: Generated<number>;
  /** W3C trace context of the call that asked for it. Null: not noted. */
  traceparent: ColumnType<string | null, string | null | undefined, never>;
  /** Counts changes that clients see; the etag. */
  revision: Generated<number>;
  create_time: Assigned<Date>;
  update_time: Generated<Date>;
  end_time: Date | null;
  /** When it was deleted. The row stays: its id is not given out again. */
  delete_time: Date | null;
}

/** Evaluations that are awaited together: those of one round of a search, or of one operation. */
export interface RoundTable {
  ordinal: Assigned<number>;
  search: number | null;
  /** Number of the round, from 1 in the order of sampling. Null for one of an operation, as is the rest. */
  number: number | null;
  operation: number | null;
  /** Steps that the policy had learned which sampled it. */
  policy_step: number | null;
  /** The step that learned from it. */
  learned_step: number | null;
  /** Why no step will. */
  dropped: string | null;
  /** Whether it compares policies after the last step: nothing is learned from it. */
  comparison: Generated<boolean>;
}

export interface TrialTable {
  round: number;
  index: number;
  source: string;
  actions: Uint8Array;
  result: string;
  /** Null where the baseline needs none. */
  greedy_result: string | null;
  /** Their numbers among the candidates of the round. */
  source_candidate: number;
  result_candidate: number;
  greedy_candidate: number | null;
  log_prob: number;
}

/** What was asked of the evaluator. */
export interface EvaluationTable {
  /** namespaces/* /evaluations/* */
  name: string;
  round: number;
  /** Of the round. */
  position: number;
  kind: EvaluationKindName;
  /** Candidates of the round that it carries. */
  first_candidate: number;
  candidates: number;
  state: Generated<EvaluationStateName>;
  /** Why it failed. */
  failure: Generated<string>;
  /** Blob that it wrote. */
  weights: Generated<string>;
  /** Numbers that came with it, by name. */
  metrics: Generated<Readonly<Record<string, number>>>;
  create_time: Assigned<Date>;
}

/** The inbox: what came of each candidate. The first outcome stays, and the step that its round belongs to consumes it, once. */
export interface OutcomeTable {
  round: number;
  candidate: number;
  /** One of both is null. */
  value: number | null;
  failure: string | null;
}

export interface StepTable {
  search: number;
  step: number;
  candidates: number;
  failed_candidates: number;
  rewards: number;
  mean_reward: number;
  mean_greedy_reward: number;
  baseline: number;
  entropy: number;
  loss: number;
  gradient_norm: number;
  source_accuracy: number | null;
  result_accuracy: number | null;
  /** Of the weight training that it began with. */
  train_loss: number | null;
  train_accuracy: number | null;
  weight_rounds: number;
  /** From 1; 0 where there are none. */
  epoch: number;
  evaluations: number;
  /** Number of the round that it learned from, and steps since the policy that sampled it. */
  round: number;
  staleness: number;
  /** Of the importance weights, and the share of them that was clipped. */
  mean_weight: number;
  clipped_share: number;
  /** Trials of the rounds that it made too stale. */
  dropped_trials: number;
  create_time: Assigned<Date>;
}

export interface OperationTable {
  ordinal: Assigned<number>;
  namespace: string;
  operation_id: string;
  /** DeriveArchitectureRequest. */
  request: Uint8Array;
  /** Version that was meant when it was asked. */
  policy_version: string;
  /** How its candidates are drawn: whoever takes it up draws the same again. */
  draws: Generated<'edge-by-edge' | 'allowed-results'>;
  candidates: Generated<number>;
  evaluated: Generated<number>;
  done: Generated<boolean>;
  /** google.rpc.Status of a failure, DeriveResult of a success. */
  error: Uint8Array | null;
  response: Uint8Array | null;
  owner: string | null;
  lease_expires_at: Date | null;
  owner_epoch: Generated<number>;
  /** As a search's. */
  traceparent: ColumnType<string | null, string | null | undefined, never>;
  create_time: Assigned<Date>;
}

export interface SearchTables extends PolicyTables {
  'policy.search': SearchTable;
  'policy.round': RoundTable;
  'policy.trial': TrialTable;
  'policy.evaluation': EvaluationTable;
  'policy.outcome': OutcomeTable;
  'policy.step': StepTable;
  'policy.operation': OperationTable;
}

export type Reader = Kysely<SearchTables>;
export type Tx = Transaction<SearchTables>;
export type SearchRow = Selectable<SearchTable>;
export type StepRow = Selectable<StepTable>;
