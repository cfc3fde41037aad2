import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';

/**
 * @typedef {object} Client of one cluster
 * @property {(...args: string[]) => Promise<string>} kubectl
 * @property {(...args: string[]) => Promise<string>} helm
 * @property {(...args: string[]) => Promise<any>} get `kubectl get ... -o json`
 * @property {(objects: readonly object[], ...args: string[]) => Promise<string>} send `kubectl ARGS -f FILE` with these objects
 * @property {string} dir for files
 */

/**
 * @param {{kubectl: string, helm: string, kubeconfig: string, dir: string}} options
 * @returns {Client}
 */
export function createClient({ kubectl, helm, kubeconfig, dir }) {
  // A cache of its own: the user's may be of another cluster at the same address.
  const env = { ...process.env, KUBECONFIG: kubeconfig, KUBECACHEDIR: path.join(dir, 'kubectl'), HELM_CACHE_HOME: path.join(dir, 'helm') };
  const callerOf =
    (/** @type {string} */ program) =>
    (/** @type {string[]} */ ...args) =>
      run(program, args, { env, tailLines: 20, failed: `${path.basename(program)} ${args[0] ?? ''}` });
  const client = { kubectl: callerOf(kubectl), helm: callerOf(helm) };
  let files = 0;
  return {
    ...client,
    dir,
    get: async (...args) => JSON.parse(await client.kubectl('get', ...args, '-o', 'json')),
    send: (objects, ...args) => {
      const file = path.join(dir, `objects-${(files += 1)}.json`);
      fs.writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
      return client.kubectl(...args, '-f', file);
    },
  };
}

/**
 * Looks again until `look` gives something.
 * @template T
 * @param {string} what for the message of failure
 * @param {number} timeoutMs
 * @param {() => Promise<T | undefined>} look
 * @param {number} [pauseMs]
 * @returns {Promise<T>}
 */
export async function until(what, timeoutMs, look, pauseMs = 500) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new SetupError(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(pauseMs);
  }
}

/** @param {boolean} holds @param {string} otherwise what is wrong */
export function requireThat(holds, otherwise) {
  if (!holds) throw new SetupError(otherwise);
}
