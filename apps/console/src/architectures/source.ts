import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { architecture as wire } from '@nat/contracts';
import { refOfText } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import type { Terminal } from '../terminal/terminal.ts';

/**
 * Which architecture an argument means: `-` reads standard input, an existing file is read, anything else is a name of the zoo or a resource name.
 * Text may be an official genotype, the JSON form or a NAS-Bench-201 string.
 */
export async function readSource(argument: string, terminal: Terminal): Promise<wire.ArchitectureRef> {
  if (argument === '-') return sourceFromText(await terminal.readAll(), 'standard input');
  if (/\.(json|txt|genotype)$/.test(argument) || argument.includes('/')) {
    if (/^namespaces\/[^/]+\/architectures\/[^/]+$/.test(argument)) return { ref: { $case: 'architecture', value: argument } };
    if (!existsSync(argument)) throw new DomainError('NOT_FOUND', `there is no file ${argument}`, { reason: 'FILE_NOT_FOUND' });
    return sourceFromText(await readFile(argument, 'utf8'), argument);
  }
  return { ref: { $case: 'zoo', value: argument }, displayName: argument };
}

/** @param origin where the text came from, for the error */
export function sourceFromText(content: string, origin: string): wire.ArchitectureRef {
  const text = content.trim();
  if (text === '') throw DomainError.invalid(origin, 'is empty: give a genotype, the JSON form, a NAS-Bench-201 string or a name of the zoo', 'EMPTY_SOURCE');
  return refOfText(text);
}
