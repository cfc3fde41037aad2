import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeGenotype, writeJson, zooArchitecture } from '@nat/cells';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Terminal } from '../terminal/terminal.ts';
import { readArchitectureArgument, readRef } from './read-argument.ts';

const genotype = writeGenotype(zooArchitecture('DARTS'));
const json = writeJson(zooArchitecture('resnet20'));
const cell = '|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|';

const terminalWith = (input: string): Terminal => ({ readAll: () => Promise.resolve(input) }) as Terminal;
const terminal = terminalWith('');

describe('the argument that names an architecture', () => {
  let folder: string;
  const workingDirectory = process.cwd();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-argument-'));
    await mkdir(join(folder, 'DARTS'));
    await mkdir(join(folder, 'found'));
    await writeFile(join(folder, 'ENAS'), json);
    await writeFile(join(folder, 'found', 'best (1).py'), `${genotype}\n`);
    await writeFile(join(folder, 'cell'), cell);
    await writeFile(join(folder, 'empty.json'), ' \n');
    await writeFile(join(folder, 'model.pt'), new Uint8Array([0x80, 0x02, 0xff, 0xfe]));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  afterEach(() => {
    process.chdir(workingDirectory);
  });

  it.each([
    ['a name of the zoo', 'resnet20', 'zoo', 'resnet20'],
    ['a genotype', genotype, 'genotype', 'DARTS'],
    ['the JSON form', json, 'json', 'resnet20'],
    ['a NAS-Bench-201 string', cell, 'nasbench201', undefined],
    ['a file of any name', 'found/best (1).py', 'genotype', 'DARTS'],
    ['a file without an ending', 'cell', 'nasbench201', undefined],
    ['a zoo name beside a folder of that name', 'DARTS', 'zoo', 'DARTS'],
    ['a zoo name beside a file of that name', 'ENAS', 'zoo', 'ENAS'],
    ['a file named like the zoo', './ENAS', 'json', 'resnet20'],
  ])('is %s, for every command', async (_, argument, kind, same) => {
    process.chdir(folder);
    expect((await readRef(argument, terminal)).ref?.$case).toBe(kind);
    const architecture = await readArchitectureArgument(argument, terminal);
    if (same !== undefined) expect(architecture.cells).toEqual(zooArchitecture(same).cells);
    expect(architecture.cells.length).toBeGreaterThan(0);
  });

  it('is standard input', async () => {
    expect(await readRef('-', terminalWith(`${genotype}\n`))).toEqual({ ref: { $case: 'genotype', value: genotype } });
    expect((await readArchitectureArgument('-', terminalWith('resnet20\n'))).cells).toEqual(zooArchitecture('resnet20').cells);
  });

  it('is a stored one, for commands that have a server', async () => {
    const name = 'namespaces/default/architectures/mine';
    expect(await readRef(name, terminal)).toEqual({ ref: { $case: 'architecture', value: name } });
    await expect(readArchitectureArgument(name, terminal)).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'RESOURCE_NAME_NOT_READ' });
  });

  it.each([
    ['nofile.json', 'NOT_FOUND', 'FILE_NOT_FOUND', 'there is no file nofile.json'],
    ['no/such/genotype', 'NOT_FOUND', 'FILE_NOT_FOUND', 'there is no file no/such/genotype'],
    ['found', 'INVALID_ARGUMENT', 'NOT_A_FILE', 'found: is a folder: name the file in it that holds the architecture'],
    ['empty.json', 'INVALID_ARGUMENT', 'EMPTY_SOURCE', /^empty\.json: is empty/],
    ['', 'INVALID_ARGUMENT', 'EMPTY_SOURCE', /^source: is empty/],
    ['-', 'INVALID_ARGUMENT', 'EMPTY_SOURCE', /^standard input: is empty/],
    ['model.pt', 'INVALID_ARGUMENT', 'NOT_TEXT', /^model\.pt: is no text/],
  ])('%j is refused in one line, by every command', async (argument, kind, reason, message) => {
    process.chdir(folder);
    for (const read of [readRef, readArchitectureArgument]) {
      const error = (await read(argument, terminal).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )) as Error;
      expect(error).toMatchObject({ kind, reason });
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain('\n');
    }
  });
});
