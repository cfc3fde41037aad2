/**
 * A real Kafka broker for tests: one node, KRaft, on loopback.
 * As a command: `node tools/infra/kafka.mjs fetch | start --dir X [--port N] | stop --dir X | kill --dir X | status --dir X`.
 * `start` on a folder that has data starts on that data, on the same port.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk, writeAtomically } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { endProcess, freePort, isRunning, startDaemon } from './daemon.mjs';
import { digestOfFolder, ensureJava } from './java.mjs';
import { parseCommand } from './command.mjs';

/** @typedef {import('../bootstrap/report.mjs').Report} Report */
/** @typedef {{address: string, port: number, pid: number, dir: string, stop: () => Promise<void>, kill: () => Promise<void>, restart: () => Promise<Broker>}} Broker */

const jarsFolder = (/** @type {string} */ cache) => path.join(cache, 'kafka', `${pins.kafka.version}-${pins.kafka.sha256.slice(0, 12)}`);

/**
 * Why no broker can be had here: nothing when one can. Jars that are in the cache need no mvn.
 * @returns {Promise<string | undefined>}
 */
export async function kafkaAvailability(cache = cacheDirectory()) {
  if (fs.existsSync(jarsFolder(cache))) return undefined;
  try {
    await run('mvn', ['--version']);
    return undefined;
  } catch {
    return 'mvn is not installed, and Kafka comes from Maven Central';
  }
}

/**
 * Kafka's jars and a Java to run them.
 * @param {{cache?: string, report?: Report}} [options]
 */
export async function fetchKafka({ cache = cacheDirectory(), report = createReport() } = {}) {
  const { java, home } = await ensureJava({ cache, report });
  const jars = jarsFolder(cache);
  if (!fs.existsSync(jars)) requireFreeDisk(cache, 3e8, 'Kafka');
  await installOnce(jars, (target) =>
    report.step(`taking Kafka ${pins.kafka.version} from Maven Central (44 MB)`, async () => {
      const pom = path.join(target, 'pom.xml');
      const dependency = (/** @type {string[]} */ [group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
      fs.writeFileSync(
        pom,
        `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>nat</groupId><artifactId>kafka-broker</artifactId>
<version>1</version><packaging>pom</packaging><dependencies>${dependency(['org.apache.kafka', 'kafka_2.13', pins.kafka.version])}
${dependency(['org.slf4j', 'slf4j-simple', pins.kafka.slf4j])}</dependencies></project>\n`,
      );
      await run('mvn', ['-q', '-B', '-C', '-f', pom, pins.kafka.plugin, '-DincludeScope=runtime', `-DoutputDirectory=${target}`], {
        cwd: target,
        env: home === undefined ? process.env : { ...process.env, JAVA_HOME: home },
        missing: 'mvn is needed to take Kafka from Maven Central: install Maven',
        failed: 'mvn could not fetch Kafka',
      });
      fs.rmSync(pom);
      const digest = digestOfFolder(target);
      if (digest !== pins.kafka.sha256) throw new SetupError(`Kafka's jars are not what was pinned: their digest is ${digest}`);
    }),
  );
  return { java, jars };
}

/** One broker that is its own controller, with few partitions for its own topics and no waiting in group joins. */
const settings = (/** @type {{data: string, port: number, controllerPort: number}} */ { data, port, controllerPort }) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
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
`;

const JVM = [
  '-Xms128m',
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dlog4j2.disable.jmx=true',
];
const CLUSTER = 'MkU3OEVBNTcwNTJENDM2Qk';

/**
 * Starts a broker in `dir`, on its old data where there is some, and waits until it answers a request.
 * @param {{dir: string, port?: number | undefined, cache?: string, report?: Report}} options
 * @returns {Promise<Broker>}
 */
export async function startKafka({ dir, port, cache = cacheDirectory(), report = createReport() }) {
  const folder = path.resolve(dir);
  const running = readState(folder);
  if (running !== undefined && isRunning(running.pid, folder)) throw new SetupError(`a broker runs in ${folder} already, as process ${running.pid}`);
  const { java, jars } = await fetchKafka({ cache, report });
  const data = path.join(folder, 'data');
  fs.mkdirSync(data, { recursive: true });
  const ports = { port: port ?? running?.port ?? (await freePort()), controllerPort: running?.controllerPort ?? (await freePort()) };
  const config = path.join(folder, 'server.properties');
  fs.writeFileSync(config, settings({ data, ...ports }));
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
  writeAtomically(path.join(folder, 'broker.json'), JSON.stringify({ pid, ...ports }));
  return {
    address: `127.0.0.1:${ports.port}`,
    port: ports.port,
    pid,
    dir: folder,
    stop: () => endProcess(pid, folder, 'SIGTERM', 15_000),
    kill: () => endProcess(pid, folder, 'SIGKILL', 10_000),
    restart: () => startKafka({ dir: folder, cache, report }),
  };
}

/** @param {string} folder @returns {{pid: number, port: number, controllerPort: number} | undefined} */
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
