/**
 * The set-up of a clone: a Node that runs the sources, the packages of package-lock.json, a native TensorFlow. Runs on Node 18 and newer with
 * nothing installed; every part is skipped in a few milliseconds when it is there, and can be interrupted at any point.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, withLock } from './cache.mjs';
import { ensureDependencies, hasDependencies } from './dependencies.mjs';
import { relaunch } from './relaunch.mjs';
import { createReport, SetupError } from './report.mjs';
import { ensureNodePackage, runsSources } from './runtime.mjs';
import { ensureTensorFlow, hasTensorFlow, tensorflowFlavour, tensorflowKey } from './tensorflow.mjs';

/** The folder of this clone. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** True when packages and TensorFlow are there for this lock and flavour: two small reads and a hash. */
export function isSetUp() {
  return hasDependencies(root) && hasTensorFlow(root, tensorflowKey(tensorflowFlavour()));
}

/**
 * Sets up what is missing of packages and TensorFlow. Two set-ups of one clone take turns.
 * @param {{report?: ReturnType<typeof createReport>, env?: NodeJS.ProcessEnv}} [options]
 */
export async function setUp({ report = createReport(), env = process.env } = {}) {
  if (isSetUp()) return;
  const cache = cacheDirectory();
  const waiting = () => report.line('another set-up is running; waiting for it');
  await withLock(
    root,
    async () => {
      await ensureDependencies({ root, env, report });
      await withLock(cache, () => ensureTensorFlow({ root, cache, flavour: tensorflowFlavour(), report }), waiting);
    },
    waiting,
  );
}

/**
 * A Node that runs the sources: this one, or the pinned one from npm.
 * @param {{report?: ReturnType<typeof createReport>}} [options]
 * @returns {Promise<{node: string, env: NodeJS.ProcessEnv}>} its binary, and an environment with it first on PATH
 */
async function findRuntime({ report = createReport() } = {}) {
  if (runsSources(process.versions.node)) {
    return { node: process.execPath, env: withFirstOnPath(path.dirname(process.execPath)) };
  }
  const folder = await ensureNodePackage(cacheDirectory(), report);
  const bin = path.join(folder, 'bin');
  return { node: path.join(bin, 'node'), env: withFirstOnPath(bin) };
}

/** @param {string} bin */
function withFirstOnPath(bin) {
  const before = process.env['PATH'] ?? '';
  return { ...process.env, PATH: before.split(path.delimiter)[0] === bin ? before : `${bin}${path.delimiter}${before}` };
}

/**
 * Runs a script's task on a Node that runs the sources: in this process where its own will do, else by starting the script again under the
 * pinned one. A failed set-up is printed in one line, anything else with its stack; both leave the exit code 1.
 * @param {string} url `import.meta.url` of the script
 * @param {(runtime: {node: string, env: NodeJS.ProcessEnv}, report: ReturnType<typeof createReport>) => Promise<void>} task
 */
export async function onRuntime(url, task) {
  const report = createReport();
  try {
    const runtime = await findRuntime({ report });
    if (runsSources(process.versions.node)) await task(runtime, report);
    else await relaunch(runtime, [fileURLToPath(url), ...process.argv.slice(2)]);
  } catch (error) {
    fail(error);
  }
}

/** Prints a failed set-up in one line, anything else with its stack, and leaves the exit code 1. @param {unknown} error */
export function fail(error) {
  if (error instanceof SetupError) process.stderr.write(`nat: ${error.message}\n`);
  else console.error(error);
  process.exitCode = 1;
}
