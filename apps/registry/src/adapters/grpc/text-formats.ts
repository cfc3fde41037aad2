import {
  formatArchitecture,
  readArchitecture,
  readGenotype,
  readJson,
  readNasBench201,
  writeDot,
  writeGenotype,
  writeJson,
  writeNasBench201,
  writeSvg,
  type Architecture,
} from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';

export interface ImportedText {
  readonly architecture: Architecture;
  readonly format: wire.Format;
}

const FORMAT_OF_TEXT = { genotype: 'FORMAT_GENOTYPE', json: 'FORMAT_JSON', nasbench201: 'FORMAT_NASBENCH201' } as const;

/** Reads `content`; without a format, as what it looks like. @throws DomainError INVALID_ARGUMENT, NOT_FOUND for an unknown name of the zoo */
export function importText(format: wire.Format, content: string): ImportedText {
  switch (format) {
    case 'FORMAT_GENOTYPE':
      return { format, architecture: readGenotype(content, 'content') };
    case 'FORMAT_JSON':
      return { format, architecture: readJson(content, 'content') };
    case 'FORMAT_NASBENCH201':
      return { format, architecture: readNasBench201(content, 'content') };
    case 'FORMAT_UNSPECIFIED': {
      const architecture = readArchitecture(content, 'content');
      const trimmed = content.trimStart();
      if (trimmed.startsWith('{')) return { architecture, format: 'FORMAT_JSON' };
      return { architecture, format: FORMAT_OF_TEXT[formatArchitecture(architecture).format] };
    }
    case 'FORMAT_DOT':
    case 'FORMAT_SVG':
    case 'UNRECOGNIZED':
      throw DomainError.invalid('format', 'can be written, not read', 'FORMAT_NOT_READ');
  }
}

/** @throws DomainError FAILED_PRECONDITION when the format cannot say it */
export function exportText(format: wire.Format, architecture: Architecture): wire.ExportArchitectureResponse {
  switch (format) {
    case 'FORMAT_GENOTYPE':
      return { content: writeGenotype(architecture), mediaType: 'text/plain; charset=utf-8' };
    case 'FORMAT_JSON':
      return { content: writeJson(architecture), mediaType: 'application/json' };
    case 'FORMAT_NASBENCH201':
      return { content: writeNasBench201(architecture), mediaType: 'text/plain; charset=utf-8' };
    case 'FORMAT_DOT':
      return { content: writeDot(architecture), mediaType: 'text/vnd.graphviz; charset=utf-8' };
    case 'FORMAT_SVG':
      return { content: writeSvg(architecture), mediaType: 'image/svg+xml' };
    case 'FORMAT_UNSPECIFIED':
    case 'UNRECOGNIZED':
      throw DomainError.invalid('format', 'is required');
  }
}
