/**
 * A real Kafka broker for tests: one node, KRaft, on loopback.
 * As a command: `node tools/infra/kafka.mjs fetch | start --dir X [--port N] | stop --dir X | kill --dir X | status --dir X`.
 * `start` on a folder that has data starts on that data, on the same port.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, writeAtomically } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { endProcess, freePort, isRunning, startDaemon } from './daemon.mjs';
import { ensureJars, jarsAvailability, JVM } from './jars.mjs';
import { ensureJava } from './java.mjs';
import { parseCommand } from './command.mjs';

/** @typedef {import('../bootstrap/report.mjs').Report} Report */
/** @typedef {{address: string, secureAddress?: string, port: number, pid: number, dir: string, stop: () => Promise<void>, kill: () => Promise<void>, restart: () => Promise<Broker>}} Broker */

const jarsFolder = (/** @type {string} */ cache) => path.join(cache, 'kafka', `${pins.kafka.version}-${pins.kafka.sha256.slice(0, 12)}`);

/** Why no broker can be had here: nothing when one can. */
export const kafkaAvailability = (cache = cacheDirectory()) => jarsAvailability(jarsFolder(cache), 'Kafka');

/**
 * Kafka's jars and a Java to run them.
 * @param {{cache?: string, report?: Report}} [options]
 */
export async function fetchKafka({ cache = cacheDirectory(), report = createReport() } = {}) {
  const { java, home } = await ensureJava({ cache, report });
  const jars = jarsFolder(cache);
  await ensureJars({
    folder: jars,
    name: `Kafka ${pins.kafka.version}`,
    size: '44 MB',
    sha256: pins.kafka.sha256,
    artifacts: [
      { group: 'org.apache.kafka', artifact: 'kafka_2.13', version: pins.kafka.version },
      { group: 'org.slf4j', artifact: 'slf4j-simple', version: pins.kafka.slf4j },
    ],
    home,
    report,
  });
  return { java, jars };
}

/** One broker that is its own controller, with few partitions for its own topics and no waiting in group joins. */
const settings = (
  /** @type {{data: string, port: number, advertised: number, controllerPort: number, secure: string[]}} */ { data, port, advertised, controllerPort, secure },
) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=${[`PLAINTEXT://127.0.0.1:${port}`, `CONTROLLER://127.0.0.1:${controllerPort}`, ...secure.slice(0, 1)].join(',')}
advertised.listeners=${[`PLAINTEXT://127.0.0.1:${advertised}`, ...secure.slice(0, 1)].join(',')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
log.dirs=${data}
num.network.threads=2
num.io.threads=4
num.partitions=3
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.consumer.min.heartbeat.interval.ms=200
group.consumer.heartbeat.interval.ms=500
group.consumer.min.session.timeout.ms=2000
group.consumer.session.timeout.ms=6000
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
auto.create.topics.enable=true
${secure.slice(1).join('\n')}
`;

const CLUSTER = 'MkU3OEVBNTcwNTJENDM2Qk';

/**
 * A second listener with TLS and SASL: where it is, and the settings it takes.
 * @typedef {{certificateFile: string, keyFile: string, user: string, password: string}} Security
 * @param {number} port @param {Security} security
 */
function secureListener(port, { certificateFile, keyFile, user, password }) {
  const inline = (/** @type {string} */ file) => fs.readFileSync(file, 'utf8').trim().replaceAll('\n', '\\n');
  const of = 'listener.name.secure';
  return [
    `SECURE://127.0.0.1:${port}`,
    'sasl.enabled.mechanisms=PLAIN',
    `${of}.sasl.enabled.mechanisms=PLAIN`,
    `${of}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";`,
    `${of}.ssl.keystore.type=PEM`,
    `${of}.ssl.keystore.certificate.chain=${inline(certificateFile)}`,
    `${of}.ssl.keystore.key=${inline(keyFile)}`,
  ];
}

/**
 * Starts a broker in `dir`, on its old data where there is some, and waits until it answers a request.
 * @param {{dir: string, port?: number | undefined, advertised?: (port: number) => Promise<number>, security?: Security, cache?: string, report?: Report}} options
 *   `advertised` gives the port that clients are told to use, for whoever stands in between; `security` adds `secureAddress`
 * @returns {Promise<Broker>}
 */
export async function startKafka({ dir, port, advertised, security, cache = cacheDirectory(), report = createReport() }) {
  const folder = path.resolve(dir);
  const running = readState(folder);
  if (running !== undefined && isRunning(running.pid, folder)) throw new SetupError(`a broker runs in ${folder} already, as process ${running.pid}`);
  const { java, jars } = await fetchKafka({ cache, report });
  const data = path.join(folder, 'data');
  fs.mkdirSync(data, { recursive: true });
  const ports = { port: port ?? running?.port ?? (await freePort()), controllerPort: running?.controllerPort ?? (await freePort()) };
  const config = path.join(folder, 'server.properties');
  const securePort = security === undefined ? undefined : (running?.securePort ?? (await freePort()));
  const secure = security === undefined || securePort === undefined ? [] : secureListener(securePort, security);
  fs.writeFileSync(config, settings({ data, ...ports, secure, advertised: (await advertised?.(ports.port)) ?? ports.port }));
  const classpath = ['-cp', path.join(jars, '*')];
  if (!fs.existsSync(path.join(data, 'meta.properties'))) {
    await run(java, [...JVM, ...classpath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', config], {
      failed: 'Kafka could not format its folder',
    });
  }
  const pid = await startDaemon({
    name: 'Kafka',
    command: java,
    args: [...JVM, ...classpath, 'kafka.Kafka', config],
    log: path.join(folder, 'broker.log'),
    cwd: folder,
    timeoutMs: 120_000,
    ready: () => answers(ports.port),
  });
  writeAtomically(path.join(folder, 'broker.json'), JSON.stringify({ pid, ...ports, securePort }));
  return {
    address: `127.0.0.1:${ports.port}`,
    ...(securePort === undefined ? {} : { secureAddress: `127.0.0.1:${securePort}` }),
    port: ports.port,
    pid,
    dir: folder,
    stop: () => endProcess(pid, folder, 'SIGTERM', 15_000),
    kill: () => endProcess(pid, folder, 'SIGKILL', 10_000),
    restart: () =>
      startKafka({ dir: folder, ...(advertised === undefined ? {} : { advertised }), ...(security === undefined ? {} : { security }), cache, report }),
  };
}

/** @param {string} folder @returns {{pid: number, port: number, controllerPort: number, securePort?: number} | undefined} */
function readState(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'broker.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Asks for the API versions: an open port alone does not mean that the broker serves. @param {number} port @returns {Promise<boolean>} */
function answers(port) {
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]); // length, ApiVersions, version 0, correlation 1, no client id
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port, timeout: 1000 });
    const end = (/** @type {boolean} */ answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => socket.write(request));
    socket.once('data', (data) => end(data.length >= 10 && data.readInt16BE(8) === 0));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end(false));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { verb, dir, port } = parseCommand('kafka', ['fetch', 'start', 'stop', 'kill', 'status']);
    const state = readState(path.resolve(dir));
    const alive = state !== undefined && isRunning(state.pid, path.resolve(dir));
    if (verb === 'fetch') console.log((await fetchKafka()).jars);
    else if (verb === 'start') console.log((await startKafka({ dir, port })).address);
    else if (verb === 'status') console.log(alive ? `up 127.0.0.1:${state.port}` : 'down');
    else if (alive) await endProcess(state.pid, path.resolve(dir), verb === 'stop' ? 'SIGTERM' : 'SIGKILL', 15_000);
  } catch (error) {
    fail(error);
  }
}
