import type { ColumnType, Generated } from 'kysely';

export interface ArchitectureTable {
  /** Order of creation: what pages run along. */
  uid: ColumnType<number, never, never>;
  namespace: string;
  id: string;
  display_name: string;
  labels: ColumnType<Readonly<Record<string, string>>, unknown, unknown>;
  /** The submitted form, as `architectureToJson` writes it; its order is the one that answers index. */
  form: ColumnType<unknown, unknown, never>;
  /** Characters of the form, so that a page can be cut before the forms are read. */
  form_size: ColumnType<number, number, never>;
  identity: ColumnType<string, string, never>;
  params: ColumnType<number, number, never>;
  macs: ColumnType<number, number, never>;
  peak_activation_bytes: ColumnType<number, number, never>;
  /** Resource name of what it was transformed from; empty for none. It may be gone. */
  parent_architecture: ColumnType<string, string, never>;
  revision: Generated<number>;
  create_time: ColumnType<Date, never, never>;
  update_time: ColumnType<Date, never, Date>;
}

/** Answers by request id. */
export interface RequestTable {
  key: string;
  fingerprint: string;
  response: Uint8Array | null;
  create_time: ColumnType<Date, never, never>;
}

export interface RegistryTables {
  'registry.architecture': ArchitectureTable;
  'registry.request': RequestTable;
}
