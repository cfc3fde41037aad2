import { search as wire } from '@nat/contracts';

/** Names that enum values had in specifications that earlier versions stored. */
const RENAMED: Readonly<Record<string, string>> = { MASKING_PARITY: 'MASKING_OFFICIAL', SEARCH_SPLIT_PARITY: 'SEARCH_SPLIT_OFFICIAL' };

type Members = Readonly<Record<string, unknown>>;

/** A specification as the database has it, whichever version stored it. */
export function readStoredSpec(stored: unknown): wire.SearchSpec {
  return wire.SearchSpec.fromJSON(Object.fromEntries(Object.entries(stored as Members).map(([key, value]) => [key, convert(key, value)])));
}

function convert(key: string, value: unknown): unknown {
  if (typeof value === 'string') return RENAMED[value] ?? value;
  if (key !== 'placement') return value;
  const { imageSize, ...placement } = value as Members;
  // Images were square, and their size a number.
  return { ...placement, imageSize: typeof imageSize === 'number' ? { height: imageSize, width: imageSize } : imageSize };
}
