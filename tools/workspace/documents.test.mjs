import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../bootstrap/index.mjs';
import { workspacePackages } from './packages.mjs';
import { brokenLinks, mapProblems, mapRows, projectFiles, staleNames } from './documents.mjs';

/** @type {string} */
let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'documents-'));
  fs.writeFileSync(
    path.join(folder, 'gcn.ts'),
    'export class Gcn { layer(): void {} }\nexport function encode(x: number) { return x; }\nconst other = encode;\nencode(1);\n',
  );
  fs.writeFileSync(path.join(folder, 'step.proto'), 'message Step { int32 reward = 1; }\n');
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** @param {string[]} lines */
const written = (...lines) => {
  const document = path.join(folder, 'map.md');
  fs.writeFileSync(document, lines.join('\n'));
  return document;
};
const HEAD = ['| equation | file | function |', '|---|---|---|'];

describe('a map of the code', () => {
  it('is a table with the columns file and function, outside fenced code', () => {
    const row = '| 1 | [gcn.ts](gcn.ts) | `encode` |';
    expect(mapRows(['text', ...HEAD, row, '', '| file | what |', '|---|---|', '| a | b |'].join('\n'))).toEqual([
      { line: 4, links: ['gcn.ts'], names: ['encode'] },
    ]);
    expect(mapRows(['```', ...HEAD, row, '```'].join('\n'))).toEqual([]);
  });

  it('holds where every file declares what the row names', () => {
    expect(
      mapProblems(
        written(
          ...HEAD,
          '| 1 \\| 2 | [`gcn.ts`](gcn.ts#L1) | `encode(x)`, `Gcn.layer`, `other` |',
          '| 3 | [gcn](gcn.ts), [proto](step.proto) | `Gcn`, `Step` |',
        ),
      ),
    ).toEqual([]);
  });

  it('does not hold where a file or a name is gone, is only used, or is left out', () => {
    expect(mapProblems(written(...HEAD, '| 1 | [gone.ts](gone.ts) | `encode` |'))).toEqual([expect.stringContaining('3: there is no file')]);
    expect(mapProblems(written(...HEAD, '| 1 | [gcn.ts](gcn.ts) | `encode`, `decode` |'))).toEqual(['3: decode is not declared in gcn.ts']);
    expect(mapProblems(written(...HEAD, '| 1 | [gcn.ts](gcn.ts) | `layer` |'))).toEqual(['3: layer is not declared in gcn.ts']);
    expect(mapProblems(written(...HEAD, '| 1 | [proto](step.proto) | `Trial` |'))).toEqual(['3: Trial is not declared in step.proto']);
    expect(mapProblems(written(...HEAD, '| 1 | gcn.ts | `encode` |'))).toEqual([expect.stringContaining('links at least one file')]);
    expect(mapProblems(written(...HEAD, '| 1 | [gcn.ts](gcn.ts) | encode |'))).toEqual([expect.stringContaining('names at least one function')]);
  });
});

describe('links of a document', () => {
  it('lead to files and folders; addresses and fenced code are let be', () => {
    expect(brokenLinks(written('[a](gcn.ts) [b](.) [c](#part) [d](https://example.org/x) `[e](e.ts)`', '```', '[f](f.ts)', '```'))).toEqual([]);
    expect(brokenLinks(written('', 'see [`a`](gone.ts#L3) and [b](gone/)'))).toEqual(['2: there is no gone.ts', '2: there is no gone/']);
  });
});

describe('names of files in a document', () => {
  it('are of files that there are', () => {
    const document = written('`gcn.ts` `nat/gcn.ts` `libs` `tools/workspace` `libs/<name>` `nat --help`', '```', '`gone.ts`', '```');
    expect(staleNames(document, ['libs/nat/gcn.ts'])).toEqual([]);
    expect(staleNames(written('`gone.ts`, `at/gcn.ts`', '`libs/gone`'), ['libs/nat/gcn.ts'])).toEqual([
      '1: there is no gone.ts',
      '1: there is no at/gcn.ts',
      '2: there is no libs/gone',
    ]);
  });

  it("are of the package's own files in its README", () => {
    const document = written('`gcn.ts` `libs/nat/src/gcn.ts`');
    expect(staleNames(document, ['libs/nat/src/gcn.ts'], 'libs/nat/')).toEqual(['1: there is no libs/nat/src/gcn.ts']); // not on disk
    expect(staleNames(document, ['libs/other/src/gcn.ts'], 'libs/nat/')[0]).toBe('1: there is no gcn.ts');
  });
});

describe('the documents of this project', () => {
  const files = projectFiles();

  it.each(workspacePackages())('$folder says what it is and how it is tested', ({ folder, name }) => {
    const text = fs.readFileSync(path.join(root, folder, 'README.md'), 'utf8');
    expect(text.split('\n')[0]).toBe(`# ${name}`);
    expect(text).toMatch(/^(?:## )?Tests?\b|^`npm test -- |npx vitest run /m);
  });

  it.each(files.filter((file) => file.endsWith('.md')))('%s names files and functions that there are', (file) => {
    const document = path.join(root, file);
    expect([...mapProblems(document), ...brokenLinks(document), ...staleNames(document, files)]).toEqual([]);
  });
});
