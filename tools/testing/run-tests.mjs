import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../bootstrap/index.mjs';
import { runInPlace } from '../bootstrap/relaunch.mjs';

/** @typedef {{passed: number, failed: number, skipped: number}} Counts */

/** The line that ends every test command. @param {Counts} counts */
const closingLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/**
 * Runs vitest and counts what it did. A run that broke down, or ended as failed for another reason than a test, counts one failure.
 * @param {{node: string, args: string[], env: NodeJS.ProcessEnv}} options
 * @returns {Promise<Counts>}
 */
export async function runTests({ node, args, env }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-counts-'));
  const file = path.join(folder, 'counts.json');
  try {
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', `--reporter=${path.join(root, 'tools', 'testing', 'counting-reporter.mjs')}`];
    const { code } = await runInPlace(node, [vitest, 'run', ...reporters, ...args], { cwd: root, env: { ...env, NAT_TEST_COUNTS: file } });
    /** @type {Counts} */
    const counts = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The frame of a test command: `task` counts, its counts are the last line, and a failure is the exit code. A set-up that fails counts as one.
 * @param {() => Promise<Counts>} task
 */
export async function countInto(task) {
  /** @type {Counts} */
  let counts;
  try {
    counts = await task();
  } catch (error) {
    console.error(error instanceof Error && error.name === 'SetupError' ? `nat: ${error.message}` : error);
    counts = { passed: 0, failed: 1, skipped: 0 };
  }
  process.exitCode = counts.failed > 0 ? 1 : 0;
  console.log(closingLine(counts));
}
