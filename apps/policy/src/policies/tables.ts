import type { SchemeName } from '@nat/cells';
import type { ColumnType, Generated } from 'kysely';

export interface PolicyTable {
  ordinal: ColumnType<number, never, never>;
  namespace: string;
  policy_id: string;
  display_name: Generated<string>;
  encoder: 'pair' | 'edge';
  scheme: SchemeName;
  search: Generated<string>;
  /** That it was learned on; empty where that is not known. */
  space: Generated<string>;
  description: Generated<string>;
  default_version: number;
  /** The highest number among versions that were deleted. */
  last_version: Generated<number>;
  /** Counts changes; the etag. */
  revision: Generated<number>;
  create_time: ColumnType<Date, never, never>;
}

export interface VersionTable {
  policy: number;
  version: number;
  step: number;
  /** Of the checkpoint's bytes, and its key in the blob store. */
  sha256: string;
  size_bytes: number;
  create_time: ColumnType<Date, never, never>;
}

export interface RequestTable {
  key: string;
  fingerprint: string;
  response: Uint8Array | null;
  create_time: ColumnType<Date, never, never>;
}

export interface PolicyTables {
  'policy.policy': PolicyTable;
  'policy.version': VersionTable;
  'policy.request': RequestTable;
}
