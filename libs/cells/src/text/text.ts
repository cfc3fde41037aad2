/** One text form for each kind of architecture, and a reader that tells them apart. */
import { DomainError } from '@nat/base/errors';
import { readGenotype, writeGenotype } from './genotype.ts';
import { readJson, writeJson } from './json.ts';
import { readNasBench201, writeNasBench201 } from './nasbench201.ts';
import type { Architecture } from '../cell/types.ts';
import { zooArchitecture } from '../zoo/zoo.ts';

export interface ArchitectureText {
  readonly format: 'genotype' | 'nasbench201' | 'json';
  readonly text: string;
}

/** The usual text of an architecture: a genotype, a NAS-Bench-201 string, or JSON where neither can say it. */
export function formatArchitecture(architecture: Architecture): ArchitectureText {
  const writers = { repeated: ['genotype', writeGenotype], nasbench201: ['nasbench201', writeNasBench201], explicit: ['json', writeJson] } as const;
  const [format, write] = writers[architecture.skeleton.kind];
  try {
    return { format, text: write(architecture) };
  } catch (error) {
    if (!(error instanceof DomainError) || error.kind !== 'FAILED_PRECONDITION') throw error;
    return { format: 'json', text: writeJson(architecture) };
  }
}

/**
 * What a trimmed text is: JSON starts with `{`, a cell string with `|` or `Structure(`, a genotype has a bracket; anything else is a name of the zoo.
 * Long or many-lined texts are taken for genotypes, so that the error is about their syntax.
 */
export function textFormat(text: string): ArchitectureText['format'] | 'zoo' {
  if (text.startsWith('{')) return 'json';
  if (text.startsWith('|') || text.startsWith('Structure(')) return 'nasbench201';
  return text.includes('(') || text.includes('\n') || text.length > 128 ? 'genotype' : 'zoo';
}

/**
 * An architecture from any of the texts, told apart by `textFormat`.
 * @throws DomainError INVALID_ARGUMENT for a bad text, NOT_FOUND for an unknown name
 */
export function readArchitecture(text: string, root = 'architecture'): Architecture {
  const trimmed = text.trim();
  if (trimmed === '') throw DomainError.invalid(root, 'empty: a genotype, a cell string, JSON or a name is needed', 'EMPTY');
  const format = textFormat(trimmed);
  return format === 'zoo' ? zooArchitecture(trimmed) : readArchitectureAs(format, trimmed, root);
}

/** An architecture from a text of a known format. @throws DomainError INVALID_ARGUMENT */
export function readArchitectureAs(format: ArchitectureText['format'], text: string, root = 'architecture'): Architecture {
  const readers = { json: readJson, nasbench201: readNasBench201, genotype: readGenotype };
  return readers[format](text, root);
}
