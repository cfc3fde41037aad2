/**
 * A whole cluster on one machine: Kafka, PostgreSQL, replicas of every service, a gateway and workers, each a process that is started again
 * when it ends, as Kubernetes would.
 */
import { createHash, randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { writeAtomically } from '../bootstrap/cache.mjs';
import { root } from '../bootstrap/index.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import { endProcess, isRunning } from '../infra/daemon.mjs';
import { kafkaAvailability, startKafka } from '../infra/kafka.mjs';
import { postgresAvailability, startPostgres } from '../infra/postgres.mjs';
import { supervise, superviseServer } from './supervisor.mjs';

/**
 * @typedef {import('./supervisor.mjs').Program} Program
 * @typedef {'kafka' | 'postgres' | 'registry' | 'metrics' | 'evaluator' | 'policy' | 'gateway' | 'worker'} Kind
 *
 * @typedef {object} Member
 * @property {string} name such as `policy-2`
 * @property {Kind} kind
 * @property {number | undefined} port of 127.0.0.1; workers serve nothing
 * @property {Program} program
 *
 * @typedef {object} ClusterOptions
 * @property {string} dir where its data and logs are: a cluster started there again goes on
 * @property {number} [replicas] of registry, metrics, evaluator and policy
 * @property {number} [workers]
 * @property {number} [port] of the gateway; 0: any
 * @property {Partial<Record<Kind, Record<string, string>>>} [environment] variables of some of the processes, over those set here
 * @property {Readonly<Record<string, string>>} [postgresSettings] settings of PostgreSQL itself
 * @property {(from: Kind | 'all', to: Kind, port: number) => Promise<number>} [reach] the port under which a process of one kind reaches one of another that
 *   serves on `port`, for whoever stands in between; the broker tells all its clients the same
 * @property {import('../bootstrap/report.mjs').Report} report
 *
 * @typedef {object} Cluster
 * @property {string} address HOST:PORT of the gateway
 * @property {string} dir
 * @property {() => string} kafka HOST:PORT of the broker
 * @property {() => string} postgres its URL
 * @property {readonly Member[]} members
 * @property {(name: string) => Member} member
 * @property {() => Promise<void>} stop in order, and everything
 */

/** Services with replicas, and the variables that only they have. */
const SERVICES = /** @type {const} */ (['registry', 'metrics', 'evaluator', 'policy']);
const SERVING = '"msg":"serving"';
const REGISTERED = '"msg":"registered"';
/** How long each process may take to end in order. */
const GRACE_MS = 15_000;

/**
 * Starts a cluster and waits until all of it serves.
 * @param {ClusterOptions} options
 * @returns {Promise<Cluster>}
 */
export async function startCluster({
  dir,
  replicas = 2,
  workers = 2,
  port: wantedPort = 7070,
  environment = {},
  postgresSettings = {},
  reach = (_from, _to, served) => Promise.resolve(served),
  report,
}) {
  const unavailable = (await kafkaAvailability()) ?? postgresAvailability();
  if (unavailable !== undefined) throw new SetupError(`the cluster needs Kafka and PostgreSQL: ${unavailable}`);
  const folder = path.resolve(dir);
  const logs = path.join(folder, 'logs');
  const blobs = path.join(folder, 'blobs');
  for (const one of [folder, logs, blobs]) fs.mkdirSync(one, { recursive: true });
  fs.chmodSync(folder, 0o755); // PostgreSQL may run as another user
  await endLeftovers(folder);

  /** @type {Member[]} */
  const members = [];
  /** @type {NodeJS.Timeout | undefined} */
  let noting;
  const stop = async () => {
    clearInterval(noting);
    // Whoever asks goes before whom it asks.
    for (const kinds of [['worker', 'gateway'], ['policy'], ['evaluator', 'registry', 'metrics'], ['kafka', 'postgres']]) {
      await Promise.all(members.filter(({ kind }) => kinds.includes(kind)).map(({ program }) => program.stop(GRACE_MS)));
    }
    fs.rmSync(path.join(folder, STATE), { force: true });
  };
  try {
    const [kafka, postgres] = await report.step('starting Kafka and PostgreSQL', () =>
      Promise.all([
        startKafka({ dir: path.join(folder, 'kafka'), advertised: (served) => reach('all', 'kafka', served), report }),
        startPostgres({ dir: postgresFolder(folder), settings: postgresSettings }),
      ]),
    );
    const onError = (/** @type {unknown} */ error) => report.line(error instanceof Error ? error.message : String(error));
    const runs = (/** @type {{pid: number, dir: string}} */ server) => isRunning(server.pid, server.dir);
    const broker = superviseServer({ name: 'kafka', server: kafka, runs, onError });
    const database = superviseServer({ name: 'postgres', server: postgres, runs, onError });
    members.push({ name: 'kafka', kind: 'kafka', port: kafka.port, program: broker });
    members.push({ name: 'postgres', kind: 'postgres', port: postgres.port, program: database });

    const ports = await choosePorts(folder, replicas);
    const port = wantedPort === 0 ? await settledPort() : wantedPort;
    /** What a process of a kind is told of the others. @param {Kind} from */
    const knownTo = async (from) => {
      const addresses = async (/** @type {(typeof SERVICES)[number]} */ kind) => {
        const reached = await Promise.all(ports[kind].map((one) => reach(from, kind, one)));
        return reached.map((one) => `127.0.0.1:${one}`).join(',');
      };
      const url = new URL(postgres.url);
      url.port = String(await reach(from, 'postgres', postgres.port));
      return {
        NAT_DATABASE_URL: url.href,
        NAT_KAFKA_BROKERS: `127.0.0.1:${await reach('all', 'kafka', kafka.port)}`,
        NAT_BLOB_DIR: blobs,
        NAT_REGISTRY: await addresses('registry'),
        NAT_METRICS: await addresses('metrics'),
        NAT_EVALUATOR: await addresses('evaluator'),
        NAT_POLICY: await addresses('policy'),
      };
    };

    /** @param {Kind} kind @param {string} name @param {string} script @param {Record<string, string>} env @param {string} readyText @param {number} [serves] */
    const add = async (kind, name, script, env, readyText, serves) => {
      const known = await knownTo(kind);
      const program = supervise({
        name,
        command: process.execPath,
        args: [path.join(root, 'apps', script)],
        env: { ...inherited(), NAT_LOG_LEVEL: 'info', ...known, ...env, ...environment[kind] },
        log: path.join(logs, `${name}.log`),
        isReady: (line) => line.includes(readyText),
      });
      members.push({ name, kind, port: serves, program });
      await program.ready();
    };
    const service = (/** @type {(typeof SERVICES)[number]} */ kind) =>
      ports[kind].map((serves, i) => add(kind, `${kind}-${i + 1}`, `${kind}/src/main.ts`, { NAT_PORT: String(serves) }, SERVING, serves));
    await report.step('starting registry, metrics and evaluator', () => Promise.all([...service('registry'), ...service('metrics'), ...service('evaluator')]));
    await report.step('starting policy, gateway and workers', () =>
      Promise.all([
        ...service('policy'),
        add('gateway', 'gateway', 'gateway/src/main.ts', { NAT_PORT: String(port) }, SERVING, port),
        ...Array.from({ length: workers }, async (_, i) => {
          const env = { NAT_SERVER: (await knownTo('worker')).NAT_EVALUATOR, NAT_WORKER_ID: `worker-${i + 1}` };
          await add('worker', `worker-${i + 1}`, 'worker/src/main.ts', env, REGISTERED);
        }),
      ]),
    );
    noting = noteProcesses(folder, members);
    return {
      address: `127.0.0.1:${port}`,
      dir: folder,
      kafka: () => broker.server().address,
      postgres: () => database.server().url,
      members,
      member: (name) => {
        const found = members.find((member) => member.name === name);
        if (found === undefined) throw new Error(`${name} is not in the cluster`);
        return found;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** This process's variables without those that name another platform. */
function inherited() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NAT_') || KEPT.has(name)));
}
const KEPT = new Set(['NAT_DATA_DIR', 'NAT_CACHE_DIR']);

/**
 * Where PostgreSQL keeps its data. Root starts it as `nobody`, who can not reach into a home of root: then it is a folder of its own outside.
 * @param {string} folder
 */
export function postgresFolder(folder) {
  if (process.getuid?.() !== 0) return path.join(folder, 'postgres');
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) {
    if (fs.existsSync(at) && (fs.statSync(at).mode & 0o001) === 0) {
      return path.join('/var/tmp', `nat-cluster-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
    }
  }
  return path.join(folder, 'postgres');
}

const STATE = 'cluster.json';
const PORTS = 'ports.json';

/**
 * A free port below those that the system hands out: nobody takes it while its process is down.
 * @returns {Promise<number>}
 */
async function settledPort() {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/**
 * Ports that stay over restarts, so that whoever knew a replica finds it again.
 * @param {string} folder @param {number} replicas
 * @returns {Promise<Record<(typeof SERVICES)[number], number[]>>}
 */
async function choosePorts(folder, replicas) {
  const file = path.join(folder, PORTS);
  /** @type {Record<string, number[]>} */
  const known = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  const chosen = /** @type {Record<(typeof SERVICES)[number], number[]>} */ ({});
  for (const kind of SERVICES) {
    chosen[kind] = (known[kind] ?? []).slice(0, replicas);
    while (chosen[kind].length < replicas) chosen[kind].push(await settledPort());
  }
  writeAtomically(file, JSON.stringify(chosen));
  return chosen;
}

/** Whose processes these are, for the next start: this one may be killed without a chance to end them. @param {string} folder @param {Member[]} members */
function noteProcesses(folder, members) {
  const note = () =>
    writeAtomically(path.join(folder, STATE), JSON.stringify({ supervisor: process.pid, pids: members.map(({ program }) => program.pid()).filter(Boolean) }));
  note();
  return setInterval(note, 2_000).unref();
}

/** Ends what a killed supervisor left; refuses while one still runs. @param {string} folder */
async function endLeftovers(folder) {
  const file = path.join(folder, STATE);
  if (fs.existsSync(file)) {
    const { supervisor, pids } = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (isRunning(supervisor, 'node')) throw new SetupError(`a cluster runs in ${folder} already, under process ${supervisor}`);
    await Promise.all(pids.map((/** @type {number} */ pid) => endProcess(pid, path.join(root, 'apps'), 'SIGTERM', GRACE_MS)));
    fs.rmSync(file);
  }
  const servers = /** @type {const} */ ([
    [path.join(folder, 'kafka'), 'broker.json', 'SIGTERM'],
    [postgresFolder(folder), 'server.json', 'SIGINT'],
  ]);
  for (const [where, state, signal] of servers) {
    const noted = path.join(where, state);
    if (fs.existsSync(noted)) await endProcess(JSON.parse(fs.readFileSync(noted, 'utf8')).pid, where, signal, GRACE_MS);
  }
}
