import type { EvaluationKindName } from '@nat/convert';
import type { ColumnType, Generated, RawBuilder, Transaction } from 'kysely';

/** SUCCEEDED, FAILED, POISONED and CANCELLED are final: they never change and have an outcome. */
export type EvaluationState = 'QUEUED' | 'LEASED' | 'SUCCEEDED' | 'FAILED' | 'POISONED' | 'CANCELLED';
export type FinalState = Exclude<EvaluationState, 'QUEUED' | 'LEASED'>;

/** Set by the database when the row is made. */
type DatabaseTime = ColumnType<Date, never, Date>;
type OptionalTime = ColumnType<Date | null, Date | null | undefined, Date | null>;

export interface EvaluationTable {
  /** Order of submission: first in, first out within a priority. */
  ordinal: ColumnType<number, never, never>;
  /** namespaces/* /evaluations/* */
  name: string;
  namespace: string;
  kind: EvaluationKindName;
  search: string;
  /** See queue/start-tags.ts. */
  start_tag: Generated<number>;
  priority: number;
  /** Capabilities a worker must have, the ones that the kind implies included. */
  required: string[];
  max_attempts: number;
  /** The serialized EvaluationSpec, packed. */
  spec: Uint8Array;
  /** Before packing. */
  spec_bytes: number;
  /** Empty for one that was converted from an earlier format: whatever is submitted under its name is the same. */
  spec_sha256: string;
  candidates: number;
  /** Over the candidate ids in order: an outcome is checked without reading the specification. */
  candidates_sha256: string;
  /** Empty: nothing. */
  resume_from: string;
  /** Blobs that `resume_from` names, in the words of the worker that wrote it. */
  checkpoint_blobs: ColumnType<string[], string[] | undefined, RawBuilder<readonly string[]>>;
  /** Blobs that the specification starts from, and once it has ended those that the outcome names. */
  blobs: ColumnType<string[], string[], RawBuilder<readonly string[]>>;
  /** Key of the weights that the specification scores or trains from. Null: none. */
  weights: string | null;
  state: Generated<EvaluationState>;
  /** Leases ever given. */
  attempt: Generated<number>;
  /** Leases given back; these do not count against `max_attempts`. */
  released: Generated<number>;
  /** Of the latest lease. */
  token: Generated<number>;
  /** The lease with this token ended without an outcome: by a failed attempt, by release or by a lost worker. */
  settled_token: Generated<number>;
  worker: Generated<string>;
  lease_expire_time: OptionalTime;
  /** A failed attempt waits until then. */
  not_before: OptionalTime;
  /** The serialized google.rpc.Status of its last attempt, where that failed. */
  last_status: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>;
  queue_time: DatabaseTime;
  create_time: DatabaseTime;
  start_time: OptionalTime;
  end_time: OptionalTime;
  /** The serialized Outcome, packed. */
  outcome: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>;
  outcome_sha256: ColumnType<string | null, string | null | undefined, string | null>;
  observations: Generated<number>;
  /** W3C trace context of the call that submitted it. Null: not noted. */
  traceparent: ColumnType<string | null, string | null | undefined, never>;
}

export interface ObservationTable {
  /** Of the evaluation. */
  ordinal: number;
  /** Of the lease under which it was seen; attempts number their observations from the start again. */
  token: number;
  sequence: number;
  attempt: number;
  metric: string;
  value: number;
  step: number;
  time: Date;
  /** Empty: of the whole evaluation. */
  candidate_id: string;
}

export interface WorkerTable {
  id: string;
  instance: string;
  capabilities: string[];
  kinds: string[];
  register_time: DatabaseTime;
  seen_time: DatabaseTime;
}

export interface EvaluatorTables {
  'evaluator.evaluation': EvaluationTable;
  'evaluator.observation': ObservationTable;
  'evaluator.worker': WorkerTable;
}

export type EvaluatorTransaction = Transaction<EvaluatorTables>;
