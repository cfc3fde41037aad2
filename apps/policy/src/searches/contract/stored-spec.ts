import { search as wire } from '@nat/contracts';

/** Names that enum values had in specifications that earlier versions stored. */
const RENAMED: Readonly<Record<string, string>> = { MASKING_PARITY: 'MASKING_OFFICIAL', SEARCH_SPLIT_PARITY: 'SEARCH_SPLIT_OFFICIAL' };

/** A specification as the database has it, whichever version stored it. */
export function readStoredSpec(stored: unknown): wire.SearchSpec {
  const members = Object.entries(stored as Readonly<Record<string, unknown>>);
  return wire.SearchSpec.fromJSON(Object.fromEntries(members.map(([key, value]) => [key, typeof value === 'string' ? (RENAMED[value] ?? value) : value])));
}
