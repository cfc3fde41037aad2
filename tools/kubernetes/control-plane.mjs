/** A control plane of Kubernetes on loopback: etcd, API server, controllers, scheduler, and KWOK, which plays the nodes. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { endProcess, freePort, isRunning, startDaemon } from '../infra/daemon.mjs';

/** @typedef {{kubeconfig: string, stop: () => Promise<void>}} ControlPlane */

const START_MS = 120_000;
const GRACE_MS = 10_000;

/**
 * Starts it in `dir` and waits until it serves.
 * @param {{dir: string, programs: string}} options `programs`: as `ensureControlPlane` gives them
 * @returns {Promise<ControlPlane>}
 */
export async function startControlPlane({ dir, programs }) {
  const file = (/** @type {string} */ name) => path.join(dir, name);
  fs.mkdirSync(dir, { recursive: true });
  /** @type {number[]} */
  const pids = [];
  const kill = () => {
    for (const pid of pids) if (isRunning(pid, dir)) process.kill(pid, 'SIGKILL');
  };
  process.once('exit', kill);
  /** @param {string} name @param {string[]} args @param {() => Promise<boolean>} ready */
  const start = async (name, args, ready) => {
    pids.push(await startDaemon({ name, command: path.join(programs, name), args, log: file(`${name}.log`), cwd: dir, timeoutMs: START_MS, ready }));
  };
  const stop = async () => {
    for (const pid of pids.toReversed()) await endProcess(pid, dir, 'SIGTERM', GRACE_MS);
    process.off('exit', kill);
  };

  try {
    const [etcd, peer, port] = [await freePort(), await freePort(), await freePort()];
    const local = (/** @type {number} */ number) => `http://127.0.0.1:${number}`;
    await start(
      'etcd',
      [
        ...['--data-dir', file('etcd'), '--log-level', 'warn', '--unsafe-no-fsync', '--quota-backend-bytes', '4294967296'],
        ...['--listen-client-urls', local(etcd), '--advertise-client-urls', local(etcd)],
        ...['--listen-peer-urls', local(peer), '--initial-advertise-peer-urls', local(peer), '--initial-cluster', `default=${local(peer)}`],
      ],
      () => answers(http.request(`${local(etcd)}/health`)),
    );

    const token = randomBytes(24).toString('hex');
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    fs.writeFileSync(file('service-accounts.key'), privateKey, { mode: 0o600 });
    fs.writeFileSync(file('tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
    await start(
      'kube-apiserver',
      [
        `--etcd-servers=${local(etcd)}`,
        ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`, `--cert-dir=${file('certificates')}`],
        `--service-account-key-file=${file('service-accounts.key')}`,
        `--service-account-signing-key-file=${file('service-accounts.key')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--token-auth-file=${file('tokens.csv')}`,
        ...['--authorization-mode=RBAC', '--service-cluster-ip-range=10.96.0.0/16', '--endpoint-reconciler-type=none'],
        ...['--max-requests-inflight=2000', '--max-mutating-requests-inflight=1000', '--enable-priority-and-fairness=false'],
      ],
      () => answers(https.request(`https://127.0.0.1:${port}/readyz`, { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false })),
    );
    const kubeconfig = file('kubeconfig');
    const named = { clusters: 'cluster', users: 'user', contexts: 'context' };
    const certificate = file(path.join('certificates', 'apiserver.crt'));
    fs.writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: named.clusters, cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': certificate } }],
        users: [{ name: named.users, user: { token } }],
        contexts: [{ name: named.contexts, context: { cluster: named.clusters, user: named.users } }],
        'current-context': named.contexts,
      }),
      { mode: 0o600 },
    );

    const alive = () => Promise.resolve(true);
    await start(
      'kube-controller-manager',
      [
        ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', `--service-account-private-key-file=${file('service-accounts.key')}`],
        ...['--bind-address=127.0.0.1', '--secure-port=0', '--kube-api-qps=500', '--kube-api-burst=1000'],
        // On a busy machine heartbeats of a thousand nodes are late.
        '--node-monitor-grace-period=300s',
      ],
      alive,
    );
    fs.writeFileSync(
      file('scheduler.json'),
      JSON.stringify({
        apiVersion: 'kubescheduler.config.k8s.io/v1',
        kind: 'KubeSchedulerConfiguration',
        leaderElection: { leaderElect: false },
        clientConnection: { kubeconfig, qps: 500, burst: 1000 },
        // A hundred nodes that fit are enough to choose from.
        percentageOfNodesToScore: 10,
      }),
    );
    await start('kube-scheduler', [`--config=${file('scheduler.json')}`, '--bind-address=127.0.0.1', '--secure-port=0'], alive);
    const stages = fs.readdirSync(programs).filter((name) => name.endsWith('.yaml'));
    await start(
      'kwok',
      [
        `--kubeconfig=${kubeconfig}`,
        '--manage-all-nodes',
        '--cidr=10.0.0.0/16',
        '--node-ip=10.1.0.1',
        '--node-lease-duration-seconds=120',
        '--v=WARN',
        ...stages.map((name) => `--config=${path.join(programs, name)}`),
      ],
      alive,
    );
    return { kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Whether a request gets a 200. @param {import('node:http').ClientRequest} request @returns {Promise<boolean>} */
function answers(request) {
  return new Promise((resolve) => {
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.end();
  });
}
