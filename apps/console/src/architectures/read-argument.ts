import { readFile, stat } from 'node:fs/promises';
import { DomainError } from '@nat/base/errors';
import { listZoo, readArchitecture, textFormat, type Architecture } from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { refOfText } from '@nat/convert';
import type { Terminal } from '../terminal/terminal.ts';

/** An architecture as text, and where the text came from: for errors. */
interface GivenText {
  readonly text: string;
  readonly origin: string;
}

const RESOURCE_NAME = /^namespaces\/[^/]+\/architectures\/[^/]+$/;
const FILE_NAME = /[/\\]|\.(json|txt|genotype|py|log|onnx|h5|keras|pt|pth|safetensors)$/i;

/**
 * The text that an argument means, the same for every command: `-` reads standard input, a name of the zoo is itself, a file is read, anything else is the
 * text. A name of the zoo means the zoo whatever lies in the working directory; `./NAME` means the file.
 * @throws DomainError NOT_FOUND FILE_NOT_FOUND; INVALID_ARGUMENT for a folder, an empty text, a file that is no text
 */
async function readText(argument: string, terminal: Terminal): Promise<GivenText> {
  if (argument === '-') return nonEmpty({ text: await terminal.readAll(), origin: 'standard input' });
  if (listZoo().some(({ name }) => name === argument)) return { text: argument, origin: 'source' };
  const found = await stat(argument).catch(() => undefined);
  if (found?.isDirectory() === true) throw DomainError.invalid(argument, 'is a folder: name the file in it that holds the architecture', 'NOT_A_FILE');
  if (found !== undefined) return nonEmpty({ text: await readTextFile(argument), origin: argument });
  if (textFormat(argument.trim()) === 'zoo' && FILE_NAME.test(argument)) {
    throw new DomainError('NOT_FOUND', `there is no file ${argument}`, { reason: 'FILE_NOT_FOUND' });
  }
  return nonEmpty({ text: argument, origin: 'source' });
}

async function readTextFile(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw DomainError.invalid(file, 'is no text: give a genotype, the JSON form or a NAS-Bench-201 string', 'NOT_TEXT');
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new DomainError('FAILED_PRECONDITION', `${file} cannot be read: ${why}`, { reason: 'FILE_NOT_READABLE', cause: error });
  }
}

function nonEmpty({ text, origin }: GivenText): GivenText {
  if (text.trim() !== '') return { text: text.trim(), origin };
  throw DomainError.invalid(origin, 'is empty: give a genotype, the JSON form, a NAS-Bench-201 string or a name of the zoo', 'EMPTY_SOURCE');
}

/** The architecture that an argument means, for what needs no server. @throws DomainError as `readRef`, and for a text that is none */
export async function readArchitectureArgument(argument: string, terminal: Terminal): Promise<Architecture> {
  if (RESOURCE_NAME.test(argument)) {
    throw DomainError.invalid('source', `${argument} is stored in a registry, which this command does not ask: give its text`, 'RESOURCE_NAME_NOT_READ');
  }
  const { text, origin } = await readText(argument, terminal);
  return readArchitecture(text, origin);
}

/**
 * A reference to the architecture that an argument means, for a server; it may also be the name of a stored one.
 * @throws DomainError NOT_FOUND FILE_NOT_FOUND; INVALID_ARGUMENT for a folder, an empty text, a file that is no text
 */
export async function readRef(argument: string, terminal: Terminal): Promise<wire.ArchitectureRef> {
  if (RESOURCE_NAME.test(argument)) return { ref: { $case: 'architecture', value: argument } };
  const { text } = await readText(argument, terminal);
  const ref = refOfText(text);
  return ref.ref?.$case === 'zoo' ? { ...ref, displayName: ref.ref.value } : ref;
}
