import {
  formatArchitecture,
  readArchitecture,
  readArchitectureAs,
  textFormat,
  writeDot,
  writeGenotype,
  writeJson,
  writeNasBench201,
  writeSvg,
  type Architecture,
  type ArchitectureText,
} from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import type { FormatName } from '@nat/convert';

export interface ImportedText {
  readonly architecture: Architecture;
  readonly format: ArchitectureText['format'];
}

/**
 * Reads `content`; without a format, as what it looks like.
 * @throws DomainError INVALID_ARGUMENT, NOT_FOUND for an unknown name of the zoo
 */
export function importText(format: FormatName | undefined, content: string): ImportedText {
  if (format === 'dot' || format === 'svg') throw DomainError.invalid('format', 'can be written, not read', 'FORMAT_NOT_READ');
  if (format !== undefined) return { format, architecture: readArchitectureAs(format, content, 'content') };
  const architecture = readArchitecture(content, 'content');
  const found = textFormat(content.trim());
  return { architecture, format: found === 'zoo' ? formatArchitecture(architecture).format : found };
}

const WRITERS = {
  genotype: { write: writeGenotype, mediaType: 'text/plain; charset=utf-8' },
  json: { write: writeJson, mediaType: 'application/json' },
  nasbench201: { write: writeNasBench201, mediaType: 'text/plain; charset=utf-8' },
  dot: { write: writeDot, mediaType: 'text/vnd.graphviz; charset=utf-8' },
  svg: { write: writeSvg, mediaType: 'image/svg+xml' },
} as const satisfies Record<FormatName, { readonly write: (architecture: Architecture) => string; readonly mediaType: string }>;

/** @throws DomainError FAILED_PRECONDITION when the format cannot say it */
export function exportText(format: FormatName, architecture: Architecture): { readonly content: string; readonly mediaType: string } {
  const { write, mediaType } = WRITERS[format];
  return { content: write(architecture), mediaType };
}
