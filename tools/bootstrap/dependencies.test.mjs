import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDependencies, hasDependencies, matchesLock } from './dependencies.mjs';
import { createReport } from './report.mjs';

const locked = {
  '': { name: 'root' },
  'libs/own': { name: '@own/own', version: '1.0.0' },
  'node_modules/@own/own': { resolved: 'libs/own', link: true },
  'node_modules/a': { version: '1.2.3' },
  'node_modules/for-elsewhere': { version: '2.0.0', optional: true },
};
const { 'node_modules/for-elsewhere': elsewhere, ...installed } = locked;

/** @type {string} */
let root;
/** @param {Record<string, unknown>} packages */
const writeInstalled = (packages) => {
  fs.mkdirSync(path.join(root, 'node_modules', 'a'), { recursive: true });
  fs.writeFileSync(path.join(root, 'node_modules', 'a', 'package.json'), '{}');
  fs.writeFileSync(path.join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
};
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-dependencies-test-'));
  fs.writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({ packages: locked }));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

describe('matchesLock', () => {
  it('refuses a clone without node_modules', () => expect(matchesLock(root)).toBe(false));

  it('takes what npm installed, without the builds for other machines', () => {
    writeInstalled(installed);
    expect(elsewhere.optional).toBe(true);
    expect(matchesLock(root)).toBe(true);
  });

  it('refuses another version, a missing package and a deleted folder', () => {
    writeInstalled({ ...installed, 'node_modules/a': { version: '1.2.4' } });
    expect(matchesLock(root)).toBe(false);
    const { 'node_modules/a': a, ...without } = installed;
    writeInstalled(without);
    expect([a.version, matchesLock(root)]).toEqual(['1.2.3', false]);
    writeInstalled(installed);
    fs.rmSync(path.join(root, 'node_modules', 'a'), { recursive: true });
    expect(matchesLock(root)).toBe(false);
  });
});

describe('ensureDependencies', () => {
  const report = createReport(/** @type {any} */ ({ isTTY: false, write: () => true }));

  it('stamps what a hand-run npm install left, and sees a changed lock', async () => {
    writeInstalled(installed);
    expect(hasDependencies(root)).toBe(false);
    await ensureDependencies({ root, env: { PATH: root }, report }); // npm is not on this PATH, so it was not run
    expect(hasDependencies(root)).toBe(true);
    fs.appendFileSync(path.join(root, 'package-lock.json'), '\n');
    expect(hasDependencies(root)).toBe(false);
  });

  it('says in one line that npm is missing', async () => {
    await expect(ensureDependencies({ root, env: { PATH: root }, report })).rejects.toThrow(/^npm is not installed: it comes with Node$/);
  });
});
