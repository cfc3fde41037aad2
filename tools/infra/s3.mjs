/**
 * A real S3 server for tests: S3Proxy over a folder, with signatures checked, on loopback, with one bucket.
 * As a command: `node tools/infra/s3.mjs fetch | start --dir X [--port N] | stop --dir X | kill --dir X | status --dir X`.
 * `start` on a folder that has data starts on that data, on the same port. Credentials: `AWS_ACCESS_KEY_ID=nat`, `AWS_SECRET_ACCESS_KEY=nat-secret`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, writeAtomically } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { parseCommand } from './command.mjs';
import { endProcess, freePort, isRunning, startDaemon } from './daemon.mjs';
import { ensureJars, jarsAvailability, JVM } from './jars.mjs';
import { ensureJava } from './java.mjs';

/** @typedef {import('../bootstrap/report.mjs').Report} Report */
/** @typedef {{url: string, port: number, pid: number, dir: string, stop: () => Promise<void>, kill: () => Promise<void>, restart: () => Promise<S3Server>}} S3Server */

/** What clients sign with. */
export const S3_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'nat', AWS_SECRET_ACCESS_KEY: 'nat-secret' };
const BUCKET = 'nat-blobs';

const jarsFolder = (/** @type {string} */ cache) => path.join(cache, 's3proxy', `${pins.s3proxy.version}-${pins.s3proxy.sha256.slice(0, 12)}`);

/** Why no server can be had here: nothing when one can. */
export const s3Availability = (cache = cacheDirectory()) => jarsAvailability(jarsFolder(cache), 'the S3 server');

/** @param {{cache: string, report: Report}} options */
async function fetchS3({ cache, report }) {
  const { java, home } = await ensureJava({ cache, report });
  const jars = jarsFolder(cache);
  await ensureJars({
    folder: jars,
    name: `S3Proxy ${pins.s3proxy.version}`,
    size: '28 MB',
    sha256: pins.s3proxy.sha256,
    artifacts: [
      { group: 'org.gaul', artifact: 's3proxy', version: pins.s3proxy.version, without: pins.s3proxy.without },
      { group: 'com.fasterxml.jackson.core', artifact: 'jackson-annotations', version: pins.s3proxy.jacksonAnnotations },
    ],
    home,
    report,
  });
  return { java, jars };
}

const settings = (/** @type {{data: string, port: number}} */ { data, port }) => `s3proxy.endpoint=http://127.0.0.1:${port}
s3proxy.authorization=aws-v4
s3proxy.identity=${S3_CREDENTIALS.AWS_ACCESS_KEY_ID}
s3proxy.credential=${S3_CREDENTIALS.AWS_SECRET_ACCESS_KEY}
s3proxy.jetty.max-threads=32
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=${data}
`;

/** The default of its logger is every detail. */
const LOGGING = `<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %level %logger{0} %msg%n</pattern></encoder></appender>
<logger name="ROOT" level="WARN"><appender-ref ref="out"/></logger></configuration>\n`;

/**
 * Starts a server in `dir`, on its old data where there is some, and waits until it answers.
 * @param {{dir: string, port?: number | undefined, cache?: string, report?: Report}} options
 * @returns {Promise<S3Server>} `url` as the platform's blob URL, of an empty bucket at first
 */
export async function startS3({ dir, port, cache = cacheDirectory(), report = createReport() }) {
  const folder = path.resolve(dir);
  const running = readState(folder);
  if (running !== undefined && isRunning(running.pid, folder)) throw new SetupError(`an S3 server runs in ${folder} already, as process ${running.pid}`);
  const { java, jars } = await fetchS3({ cache, report });
  const data = path.join(folder, 'data');
  fs.mkdirSync(path.join(data, BUCKET), { recursive: true }); // a folder of its data is a bucket
  const chosen = port ?? running?.port ?? (await freePort());
  const config = path.join(folder, 's3proxy.conf');
  fs.writeFileSync(config, settings({ data, port: chosen }));
  const logging = path.join(folder, 'logback.xml');
  fs.writeFileSync(logging, LOGGING);
  const pid = await startDaemon({
    name: 'the S3 server',
    command: java,
    args: [...JVM, `-Dlogback.configurationFile=${logging}`, '-cp', path.join(jars, '*'), 'org.gaul.s3proxy.Main', '--properties', config],
    log: path.join(folder, 'server.log'),
    cwd: folder,
    timeoutMs: 120_000,
    ready: () =>
      fetch(`http://127.0.0.1:${chosen}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  writeAtomically(path.join(folder, 'server.json'), JSON.stringify({ pid, port: chosen }));
  return {
    url: urlOf(chosen),
    port: chosen,
    pid,
    dir: folder,
    stop: () => endProcess(pid, folder, 'SIGTERM', 15_000),
    kill: () => endProcess(pid, folder, 'SIGKILL', 10_000),
    restart: () => startS3({ dir: folder, cache, report }),
  };
}

/** @param {number} port */
const urlOf = (port) => `s3://${BUCKET}?endpoint=http://127.0.0.1:${port}&region=us-east-1`;

/** @param {string} folder @returns {{pid: number, port: number} | undefined} */
function readState(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'server.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { verb, dir, port } = parseCommand('s3', ['fetch', 'start', 'stop', 'kill', 'status']);
    const state = readState(path.resolve(dir));
    const alive = state !== undefined && isRunning(state.pid, path.resolve(dir));
    if (verb === 'fetch') console.log((await fetchS3({ cache: cacheDirectory(), report: createReport() })).jars);
    else if (verb === 'start') console.log((await startS3({ dir, port })).url);
    else if (verb === 'status') console.log(alive ? `up ${urlOf(state.port)}` : 'down');
    else if (alive) await endProcess(state.pid, path.resolve(dir), verb === 'stop' ? 'SIGTERM' : 'SIGKILL', 15_000);
  } catch (error) {
    fail(error);
  }
}
