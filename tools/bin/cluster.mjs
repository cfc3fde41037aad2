/** `npm run cluster [-- --workers N --replicas N --port N --dir DIR --fresh]`: a whole cluster on this machine, until Ctrl-C. */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import { postgresFolder, startCluster } from '../cluster/cluster.mjs';

/** @param {string} name @param {string} text @param {number} least @param {number} most */
function wholeNumber(name, text, least, most) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new SetupError(`--${name} is a whole number from ${least} to ${most}, not ${text}`);
  return value;
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        workers: { type: 'string', default: '2' },
        replicas: { type: 'string', default: '2' },
        port: { type: 'string', default: '7070' },
        dir: { type: 'string', default: path.join(root, '.nat', 'cluster') },
        fresh: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new SetupError(error instanceof Error ? error.message : String(error));
  }
}

await onRuntime(import.meta.url, async (_, report) => {
  const flags = readArguments();
  const options = {
    dir: flags.dir,
    workers: wholeNumber('workers', flags.workers, 0, 256),
    replicas: wholeNumber('replicas', flags.replicas, 1, 16),
    port: wholeNumber('port', flags.port, 1, 65_535),
  };
  await setUp({ report });
  const since = performance.now();
  if (flags.fresh) for (const folder of [postgresFolder(path.resolve(options.dir)), options.dir]) fs.rmSync(folder, { recursive: true, force: true });
  const cluster = await startCluster({ ...options, report });
  for (const { name, port, program } of cluster.members) {
    console.log(`${name.padEnd(12)} ${port === undefined ? '' : `127.0.0.1:${port}`}`.padEnd(32), `process ${program.pid() ?? ''}`);
  }
  console.log(`ready in ${((performance.now() - since) / 1000).toFixed(0)} s: every service on ${cluster.address}, logs in ${path.join(cluster.dir, 'logs')}`);
  const { promise: signalled, resolve } = Promise.withResolvers();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, resolve);
  // A timer keeps this process: the supervised ones may all be down at some time.
  const alive = setInterval(() => undefined, 60_000);
  await signalled;
  clearInterval(alive);
  console.log('stopping');
  await cluster.stop();
});
