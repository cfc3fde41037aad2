import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../bootstrap/index.mjs';

/** @type {string} */
let folder;
beforeEach(() => {
  fs.mkdirSync(path.join(root, 'coverage'), { recursive: true }); // ignored by git, and below node_modules for the imports
  folder = fs.mkdtempSync(path.join(root, 'coverage', 'counted-'));
  fs.writeFileSync(path.join(folder, 'vitest.config.mjs'), 'export default {};');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** @param {Record<string, string>} files */
const countIn = async (files) => {
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), `import { describe, expect, it } from 'vitest';\n${text}`);
  const program = `import { countInto, runTests } from ${JSON.stringify(new URL('run-tests.mjs', import.meta.url).href)};
    await countInto(() => runTests({ node: process.execPath, args: ['--root', process.argv[1], '--config', process.argv[1] + '/vitest.config.mjs'], env: process.env }));`;
  const { code, stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, folder]).then(
    (done) => ({ code: 0, stdout: done.stdout }),
    (/** @type {unknown} */ error) => /** @type {{code: number, stdout: string}} */ (error),
  );
  return { code, last: stdout.trimEnd().split('\n').at(-1), stdout };
};

describe('runTests', () => {
  it('counts, and prints why a test was skipped', async () => {
    const result = await countIn({
      'a.test.js': `it('one', () => expect(1).toBe(1)); it('two', () => expect(2).toBe(2)); it('noted', (context) => context.skip('no broker'));
        describe.skip('needs NAT_DATA_DIR', () => { it('x', () => undefined); it('y', () => undefined); });`,
    });
    expect(result).toMatchObject({ code: 0, last: '2 passed, 0 failed, 3 skipped' });
    expect(result.stdout).toMatch(/skipped 2: .*a\.test\.js > needs NAT_DATA_DIR\n/);
    expect(result.stdout).toMatch(/skipped 1: .*a\.test\.js > noted \(no broker\)\n/);
  });

  it('fails with a failed test, and with a file that does not load', async () => {
    const result = await countIn({
      'a.test.js': `it('one', () => expect(1).toBe(2)); it('two', () => undefined);`,
      'b.test.js': `import './absent.js'; it('never', () => undefined);`,
    });
    expect(result).toMatchObject({ code: 1, last: '1 passed, 2 failed, 0 skipped' });
  });

  it('fails with an error outside a test, a failing hook, and no tests at all', async () => {
    expect(
      await countIn({ 'a.test.js': `it('one', () => { setTimeout(() => { throw new Error('late'); }, 0); return new Promise((r) => setTimeout(r, 50)); });` }),
    ).toMatchObject({
      code: 1,
      last: '1 passed, 1 failed, 0 skipped',
    });
    expect(
      await countIn({ 'a.test.js': `import { afterAll } from 'vitest'; it('one', () => undefined); afterAll(() => { throw new Error('hook'); });` }),
    ).toMatchObject({
      code: 1,
      last: '1 passed, 1 failed, 0 skipped',
    });
    fs.rmSync(path.join(folder, 'a.test.js'));
    expect(await countIn({})).toMatchObject({ code: 1, last: '0 passed, 1 failed, 0 skipped' });
  });
});
