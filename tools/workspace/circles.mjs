/**
 * How the sources of packages and tools are laid out: no file imports itself by way of others (imports of types count), no folder holds more than
 * MOST_FILES source files beside tests, and nothing has a name that says nothing.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../bootstrap/index.mjs';
import { findCircles, importGraph, packageEntries, readTexts } from './imports.mjs';
import { workspacePackages } from './packages.mjs';

const MOST_FILES = 14;
const EMPTY_NAME = /^(utils?|helpers?|common|misc)$/;

/** @param {string} file */
const isTest = (file) => /\.(test|bench)\.(ts|mjs)$/.test(file);
/** @param {string} file */
const isSource = (file) => /\.(ts|mjs|cc|h|py)$/.test(file) && !file.endsWith('.d.ts');

/**
 * Folders with too many sources.
 * @param {readonly string[]} files
 * @param {number} most
 * @returns {{folder: string, count: number}[]}
 */
export function fullFolders(files, most = MOST_FILES) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const file of files) {
    if (!isSource(file) || isTest(file)) continue;
    const folder = path.posix.dirname(file);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > most).map(([folder, count]) => ({ folder, count }));
}

/**
 * Files and folders whose name says nothing.
 * @param {readonly string[]} files
 * @returns {string[]}
 */
export function emptyNames(files) {
  const named = files.flatMap((file) => {
    const parts = file.split('/');
    return parts.flatMap((part, i) => (EMPTY_NAME.test(i === parts.length - 1 ? (part.split('.')[0] ?? '') : part) ? [parts.slice(0, i + 1).join('/')] : []));
  });
  return [...new Set(named)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', 'libs', 'apps', 'tools'], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = listed.split('\0').filter((file) => file !== '' && fs.existsSync(path.join(root, file)));
  const written = files.filter((file) => !file.startsWith('libs/contracts/src/gen/') && !file.startsWith('tools/fixtures/'));
  const sources = files.filter((file) => isSource(file) && /\.(ts|mjs)$/.test(file));
  const graph = importGraph(readTexts(root, sources), packageEntries(workspacePackages()));
  /** @type {string[]} */
  const problems = [];
  for (const circle of findCircles(graph)) problems.push(`a circle of imports:\n${[...circle, circle[0]].map((file) => `    ${file ?? ''}`).join('\n')}`);
  for (const { folder, count } of fullFolders(written)) {
    problems.push(`${folder} has ${count} source files; at most ${MOST_FILES}, so that one can see what is where`);
  }
  for (const name of emptyNames(written)) problems.push(`${name}: name it for what it does`);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
