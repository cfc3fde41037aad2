import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { readArchitecture, type Architecture } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import type { Terminal } from '@nat/console';

/** `-` reads standard input, an existing file is read, anything else is a name of the zoo or the text itself. Needs no server. */
export async function loadArchitecture(argument: string, terminal: Terminal): Promise<Architecture> {
  if (argument === '-') return readArchitecture(await terminal.readAll(), 'standard input');
  if (existsSync(argument)) return readArchitecture(await readFile(argument, 'utf8'), argument);
  if (argument.includes('/')) throw new DomainError('NOT_FOUND', `there is no file ${argument}`, { reason: 'FILE_NOT_FOUND' });
  return readArchitecture(argument, 'source');
}
