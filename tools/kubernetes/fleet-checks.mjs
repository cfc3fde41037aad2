/** A thousand nodes with eight GPUs each: the fleet of workers placed on them, drained away from some, and placed again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { chart, variants } from './chart.mjs';
import { requireThat, until } from './kubectl.mjs';
import { simulatedNodes, simulatedVolume } from './simulated.mjs';

/** @typedef {import('./kubectl.mjs').Client} Client */

const NAMESPACE = 'fleet';
const FLEET = 'nat-worker-gpu';
const GPUS = 8;
const PLACED_MS = 900_000;
const DRAINED_MS = 300_000;

/**
 * @param {Client} client
 * @param {{nodes: number}} options how many have GPUs
 * @returns {import('./release-checks.mjs').Check[]}
 */
export function fleetChecks(client, { nodes }) {
  const { kubectl, helm, get, send } = client;
  const drained = Math.ceil(nodes / 10);
  /** A worker for every GPU, and as many as fit while nodes are drained, with one in twenty GPUs free. */
  const full = nodes * GPUS;
  const fitting = Math.floor((nodes - drained) * GPUS * 0.95);
  const names = Array.from({ length: drained }, (_, index) => `gpu-${String(index).padStart(4, '0')}`);
  /** How many the budget of values-gpu.yaml, 5 %, leaves. @param {number} workers */
  const kept = (workers) => workers - Math.ceil(workers * 0.05);

  const fleet = async () => {
    const { status } = await get('deployment', FLEET, '--namespace', NAMESPACE);
    return { ready: status.readyReplicas ?? 0, total: status.replicas ?? 0 };
  };
  /** @param {number} workers */
  const allReady = (workers) =>
    until(
      `${workers} workers are ready`,
      PLACED_MS,
      async () => {
        const { ready, total } = await fleet();
        return ready === workers && total === workers ? true : undefined;
      },
      1000,
    );
  /** @param {number} workers */
  const scale = (workers) => kubectl('scale', 'deployment', FLEET, '--namespace', NAMESPACE, `--replicas=${workers}`);
  /**
   * The fewest workers that were ready while `task` ran, as the Deployment counts them.
   * @template T
   * @param {() => Promise<T>} task
   */
  const fewestReady = async (task) => {
    let fewest = Infinity;
    const ended = new AbortController();
    const watching = (async () => {
      while (!ended.signal.aborted) {
        fewest = Math.min(fewest, (await fleet()).ready);
        await sleep(250);
      }
    })();
    watching.catch(() => undefined); // awaited below
    try {
      const result = await task();
      return { result, fewest };
    } finally {
      ended.abort();
      await watching;
    }
  };
  /** Workers by node; every one has a GPU of its own, and is on a node with GPUs. @param {number} workers */
  const placement = async (workers) => {
    const columns = 'NODE:.spec.nodeName,PHASE:.status.phase,GPUS:.spec.containers[0].resources.limits.nvidia\\.com/gpu';
    const text = await kubectl(
      'get',
      'pods',
      '--namespace',
      NAMESPACE,
      '--selector',
      'nat/worker,app.kubernetes.io/component=worker-gpu',
      '-o',
      `custom-columns=${columns}`,
      '--no-headers',
    );
    /** @type {Map<string, number>} */
    const used = new Map();
    let running = 0;
    for (const line of text.trim().split('\n')) {
      const [node = '', phase, gpus] = line.trim().split(/\s+/);
      requireThat(gpus === '1', `a worker has ${gpus} GPUs`);
      if (phase !== 'Running') continue;
      running += 1;
      requireThat(node.startsWith('gpu-'), `a worker is on ${node}`);
      used.set(node, (used.get(node) ?? 0) + 1);
    }
    const most = Math.max(...used.values());
    requireThat(running === workers, `${running} workers run instead of ${workers}`);
    requireThat(most <= GPUS, `a node with ${GPUS} GPUs has ${most} workers`);
    return used;
  };

  return [
    {
      name: `${nodes} nodes with ${GPUS} GPUs`,
      run: async () => {
        const labels = { 'nvidia.com/gpu.present': 'true' };
        const taints = [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }];
        const made = simulatedNodes('gpu', { cpu: '64', memory: '512Gi', 'nvidia.com/gpu': String(GPUS) }, nodes, { labels, taints });
        await send(made, 'create');
        const selector = ['--selector', 'nat-check/nodes=gpu'];
        await until('all nodes are ready', 180_000, async () => {
          const text = await kubectl('get', 'nodes', ...selector, '--no-headers');
          return (text.match(/ Ready /g) ?? []).length === nodes ? true : undefined;
        });
        return `${nodes * GPUS} GPUs ready`;
      },
    },
    {
      name: `the fleet, values gpu: ${full} workers`,
      run: async () => {
        const claim = { accessModes: ['ReadOnlyMany'], resources: { requests: { storage: '100Gi' } } };
        await send(
          [
            { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } },
            simulatedVolume('data', '100Gi'),
            { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'nat-data', namespace: NAMESPACE }, spec: { ...claim, volumeName: 'data' } },
          ],
          'create',
        );
        // KEDA does not run here: the number that it would come to.
        const fixed = ['--set', 'workers.gpu.autoscaling.enabled=false', '--set', `workers.gpu.replicas=${full}`];
        await helm('install', 'nat', chart, '--namespace', NAMESPACE, ...(variants['gpu'] ?? []), ...fixed, '--timeout', '300s');
        await allReady(full);
        const used = await placement(full);
        requireThat(used.size === nodes, `only ${used.size} nodes have workers`);
        return `every GPU has one worker, on ${used.size} nodes`;
      },
    },
    {
      name: 'a drain without room stops at the disruption budget',
      run: async () => {
        const { fewest, result: unfinished } = await fewestReady(() => drain(client, names, '30s'));
        requireThat(unfinished > 0, 'the drain ended although it had to wait for the budget');
        requireThat(fewest >= kept(full), `only ${fewest} of ${full} workers were ready: the budget leaves ${kept(full)}`);
        requireThat(fewest < full, 'no worker was evicted');
        return `never fewer than ${fewest} of ${full} ready, and the budget leaves ${kept(full)}`;
      },
    },
    {
      name: `the drain of ${drained} nodes goes on with room`,
      run: async () => {
        await scale(fitting);
        await allReady(fitting);
        const { fewest, result: unfinished } = await fewestReady(() => drain(client, names, `${DRAINED_MS / 1000}s`));
        requireThat(unfinished === 0, `${unfinished} drains did not end`);
        requireThat(fewest >= kept(fitting), `only ${fewest} of ${fitting} workers were ready: the budget leaves ${kept(fitting)}`);
        await allReady(fitting);
        const used = await placement(fitting);
        const left = names.filter((name) => used.has(name));
        requireThat(left.length === 0, `workers are still on ${left.join(', ')}`);
        return `never fewer than ${fewest} of ${fitting} ready, and the budget leaves ${kept(fitting)}; all run again, on ${used.size} nodes`;
      },
    },
    {
      name: 'nodes that come back take workers again',
      run: async () => {
        await kubectl('uncordon', ...names);
        await scale(full);
        await allReady(full);
        const used = await placement(full);
        requireThat(
          names.every((name) => used.get(name) === GPUS),
          'a node that came back is not full',
        );
        return `${full} workers on ${used.size} nodes`;
      },
    },
  ];
}

/** How many `kubectl drain` run at once. */
const DRAINS = 5;

/**
 * Drains nodes, a few at a time.
 * @param {Client} client
 * @param {readonly string[]} names
 * @param {string} timeout
 * @returns {Promise<number>} how many of the drains did not end in time
 */
async function drain({ kubectl }, names, timeout) {
  const flags = ['--ignore-daemonsets', '--delete-emptydir-data', `--timeout=${timeout}`];
  const share = Math.ceil(names.length / DRAINS);
  const shares = Array.from({ length: DRAINS }, (_, index) => names.slice(index * share, (index + 1) * share)).filter((part) => part.length > 0);
  const ended = await Promise.allSettled(shares.map((part) => kubectl('drain', ...part, ...flags)));
  return ended.filter(({ status }) => status === 'rejected').length;
}
