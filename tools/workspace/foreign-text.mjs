/**
 * What does not belong in the tree: a path of one machine, or the host of one package registry, which must come from each machine's own
 * configuration. Looks through every file that git has, by lines.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../bootstrap/index.mjs';

const HOSTS = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['files', 'pythonhosted', 'org'],
  ['repo1', 'maven', 'org'],
  ['repo', 'maven', 'apache', 'org'],
  ['proxy', 'golang', 'org'],
].map((parts) => parts.join('.'));

/** @param {string} text */
const quoted = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * What is looked for, by name.
 * @param {{home: string, root: string}} machine
 * @returns {[string, RegExp][]}
 */
export function patterns(machine) {
  const own = [machine.home, machine.root].filter((folder) => folder.length > 1).map((folder) => `${quoted(folder)}(?![\\w-])`);
  return [
    ['a path of one machine', new RegExp(`(?<![\\w.@~}])(?:/(?:root|work)/|/(?:home|Users)/\\w+/|${own.join('|')})`)],
    ['a registry host', new RegExp(`${HOSTS.map(quoted).join('|')}|"resolved": "https?:`)],
  ];
}

/**
 * The lines of a text that hold something foreign.
 * @param {string} text
 * @param {[string, RegExp][]} wanted
 * @returns {{line: number, what: string, found: string}[]}
 */
export function foreignLines(text, wanted) {
  return text.split('\n').flatMap((line, index) =>
    wanted.flatMap(([what, pattern]) => {
      const match = pattern.exec(line);
      return match === null ? [] : [{ line: index + 1, what, found: match[0] }];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = patterns({ home: os.homedir(), root });
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split('\0');
  for (const file of files) {
    const full = path.join(root, file);
    if (file === '' || file.endsWith('.test.mjs') || !fs.existsSync(full) || !fs.statSync(full).isFile()) continue;
    const content = fs.readFileSync(full);
    if (content.subarray(0, 8000).includes(0)) continue; // not text
    for (const { line, what, found } of foreignLines(content.toString('utf8'), wanted)) {
      console.error(`${file}:${line}: ${what}: ${found}`);
      process.exitCode = 1;
    }
  }
}
