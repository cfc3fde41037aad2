import { describe, expect, it } from 'vitest';
import { emptyNames, fullFolders } from './circles.mjs';
import { findCircles, importGraph, packageEntries } from './imports.mjs';

const circlesOf = (/** @type {Record<string, string>} */ texts, /** @type {Record<string, string>} */ entries = {}) =>
  findCircles(importGraph(new Map(Object.entries(texts)), new Map(Object.entries(entries))));

describe('circles of imports', () => {
  it('are found through values, types, exports and imports at run time', () => {
    expect(
      circlesOf({
        'libs/a/one.ts': `import { two } from './two.ts';`,
        'libs/a/two.ts': `import type { Three } from './below/three.ts';`,
        'libs/a/below/three.ts': `export * from '../four.ts';`,
        'libs/a/four.ts': `const one = await import('./one.ts');`,
        'libs/a/five.ts': `import './one.ts';`,
      }),
    ).toEqual([['libs/a/below/three.ts', 'libs/a/four.ts', 'libs/a/one.ts', 'libs/a/two.ts']]);
    expect(circlesOf({ 'a.ts': `let one: import('./b.ts').One;`, 'b.ts': `export type { Two } from './a.ts';` })).toEqual([['a.ts', 'b.ts']]);
    expect(circlesOf({ 'a.ts': `import { a } from './a.ts';` })).toEqual([['a.ts']]);
  });

  it('are found across packages', () => {
    const entries = Object.fromEntries(
      packageEntries([
        { name: '@x/a', folder: 'libs/a', manifest: { exports: { '.': './src/index.ts', './testing': './src/testing/index.ts' } } },
        { name: '@x/b', folder: 'libs/b', manifest: { exports: { '.': './src/index.ts' } } },
      ]),
    );
    expect(entries).toEqual({ '@x/a': 'libs/a/src/index.ts', '@x/a/testing': 'libs/a/src/testing/index.ts', '@x/b': 'libs/b/src/index.ts' });
    const texts = {
      'libs/a/src/index.ts': `export { b } from '@x/b';`,
      'libs/a/src/testing/index.ts': `import 'vitest';`,
      'libs/b/src/index.ts': `import type { A } from '@x/a/testing';`,
    };
    expect(circlesOf(texts, entries)).toEqual([]);
    expect(circlesOf({ ...texts, 'libs/a/src/testing/index.ts': `import '../index.ts';` }, entries)).toEqual([
      ['libs/a/src/index.ts', 'libs/b/src/index.ts', 'libs/a/src/testing/index.ts'],
    ]);
  });

  it('are as short as they can be, one a group', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c', 'a']],
      ['c', ['d']],
      ['d', ['a']],
      ['e', ['a', 'f']],
      ['f', ['e']],
      ['g', ['e', 'a']],
    ]);
    expect(findCircles(graph)).toEqual([
      ['a', 'b'],
      ['e', 'f'],
    ]);
  });

  it('are none in comments and strings', () => {
    expect(circlesOf({ 'a.ts': `import './b.ts';`, 'b.ts': `// import './a.ts';\nconst text = "import './a.ts'";` })).toEqual([]);
  });
});

describe('folders', () => {
  it('are full with more sources than they may hold, tests not counted', () => {
    const files = ['x/a.ts', 'x/b.mjs', 'x/c.test.ts', 'x/c.bench.ts', 'x/d.json', 'x/y/e.ts', 'x/gen.d.ts'];
    expect(fullFolders(files, 1)).toEqual([{ folder: 'x', count: 2 }]);
    expect(fullFolders(files, 2)).toEqual([]);
  });

  it('and files are named for what they do', () => {
    expect(emptyNames(['a/utils/b.ts', 'a/utils/c.ts', 'a/helpers.test.ts', 'common.ts', 'a/common-name.ts', 'a/uncommon.ts'])).toEqual([
      'a/utils',
      'a/helpers.test.ts',
      'common.ts',
    ]);
  });
});
