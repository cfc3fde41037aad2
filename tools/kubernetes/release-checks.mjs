/** What an API server says to the chart: each set of values as a dry run, then the life of a release. */
import fs from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { SetupError } from '../bootstrap/report.mjs';
import { chart, renderChart, variants } from './chart.mjs';
import { requireThat, until } from './kubectl.mjs';
import { simulatedNodes, simulatedVolume } from './simulated.mjs';

/** @typedef {import('./kubectl.mjs').Client} Client */
/** @typedef {{name: string, run: () => Promise<string>}} Check `run` gives what was seen */

/** How long simulated Pods may take to be up, milliseconds. */
const ROLLOUT_MS = 180_000;
const NAMESPACE = 'nat';
const RELEASE = ['nat', '--namespace', NAMESPACE];
const WAIT = ['--wait=legacy', '--timeout', `${ROLLOUT_MS / 1000}s`];

/** A namespace where the API server itself holds Pods to the restricted profile. @param {string} name */
const restrictedNamespace = (name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' } },
});

/**
 * @param {Client} client
 * @param {{helm: string, definitions: string}} options `helm`: to render; `definitions`: of the custom resources
 * @returns {Check[]}
 */
export function releaseChecks(client, { helm, definitions }) {
  const { kubectl, get, send } = client;
  const manifests = new Map();
  /** @param {string} values */
  const objectsOf = async (values) => {
    const text = await renderChart(helm, variants[values] ?? []);
    return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
  };
  const deployments = async () => {
    const { items } = await get('deployments', '--namespace', NAMESPACE);
    return new Map(items.map((/** @type {any} */ item) => [item.metadata.name, item]));
  };
  /** What a cloud's controller does for a Service that becomes a LoadBalancer. @param {string} name */
  const giveAddress = async (name) => {
    await until(`${name} is a LoadBalancer`, ROLLOUT_MS, async () => {
      const { spec } = await get('service', name, '--namespace', NAMESPACE);
      return spec.type === 'LoadBalancer' ? true : undefined;
    });
    const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } });
    await kubectl('patch', 'service', name, '--namespace', NAMESPACE, '--subresource=status', '--type=merge', '--patch', patch);
  };
  /** Names of what a release left, but its claim, which is to stay. */
  const leftovers = async () => {
    const kinds =
      'deployments,replicasets,pods,services,serviceaccounts,configmaps,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,jobs,scaledobjects,servicemonitors,podmonitors,prometheusrules,certificates,priorityclasses';
    const { items } = await get(kinds, '--namespace', NAMESPACE, '--selector', 'app.kubernetes.io/instance=nat');
    return items.map((/** @type {any} */ { kind, metadata }) => `${kind} ${metadata.name}`);
  };

  return [
    {
      name: 'definitions of KEDA, Prometheus operator, cert-manager',
      run: async () => {
        await kubectl('apply', '--server-side', '-f', definitions);
        await kubectl('wait', '--for=condition=Established', '--timeout=60s', '-f', definitions);
        await send([restrictedNamespace(NAMESPACE)], 'create');
        return `${fs.readdirSync(definitions).length} established`;
      },
    },
    ...Object.keys(variants).map((values) => ({
      name: `server-side dry run, values ${values}`,
      run: async () => {
        const objects = await objectsOf(values);
        const answer = await send(objects, 'create', '--namespace', NAMESPACE, '--dry-run=server', '--validate=strict', '--output=name');
        const accepted = answer.trim().split('\n').length;
        requireThat(accepted === objects.length, `${accepted} of ${objects.length} objects were accepted`);
        return `${accepted} objects accepted`;
      },
    })),
    {
      name: 'dry run of objects that are wrong',
      run: async () => {
        const objects = await objectsOf('gpu');
        const changes = /** @type {[string, string, (object: any) => void][]} */ ([
          ['Deployment', 'an unknown field', ({ spec }) => (spec.template.spec.hostNetworking = true)],
          ['Deployment', 'a selector that does not match', ({ spec }) => (spec.selector.matchLabels.extra = 'x')],
          ['Deployment', 'a request above its limit', ({ spec }) => (spec.template.spec.containers[0].resources.requests.memory = '1Ti')],
          ['ScaledObject', 'a wrong type', ({ spec }) => (spec.minReplicaCount = 'none')],
          ['ServiceMonitor', 'an unknown field', ({ spec }) => (spec.endpoints[0].prot = 'x')],
        ]);
        for (const [kind, what, change] of changes) {
          const object = structuredClone(objects.find((one) => one.kind === kind));
          change(object);
          const refused = await send([object], 'create', '--namespace', NAMESPACE, '--dry-run=server', '--validate=strict').then(
            () => false,
            () => true,
          );
          requireThat(refused, `${kind} with ${what} was accepted`);
        }
        return `${changes.length} refused`;
      },
    },
    {
      name: 'install, values small',
      run: async () => {
        await send([...simulatedNodes('plain', { cpu: '64', memory: '256Gi' }, 10), simulatedVolume('blobs', '20Gi')], 'create');
        const answer = await client.helm('install', ...RELEASE, chart, ...(variants['small'] ?? []), ...WAIT);
        const all = await deployments();
        requireThat(all.size === 6, `${all.size} Deployments instead of 6`);
        for (const [name, { spec, status }] of all) requireThat(status.availableReplicas === spec.replicas, `${name} is not available`);
        manifests.set(1, await client.helm('get', 'manifest', ...RELEASE));
        requireThat(/STATUS: deployed/.test(answer), 'helm does not say that it is deployed');
        return `${all.size} Deployments available, migrations before them, under the restricted profile`;
      },
    },
    {
      name: 'migrations ran first, and left nothing',
      run: async () => {
        const { items } = await get('events', '--namespace', NAMESPACE);
        const times = (/** @type {(event: any) => boolean} */ wanted) =>
          items.filter(wanted).map((/** @type {any} */ event) => Date.parse(event.metadata.creationTimestamp));
        const completed = times(({ reason, involvedObject }) => reason === 'Completed' && involvedObject.name === 'nat-migrations');
        const scaled = times(({ reason, involvedObject }) => reason === 'ScalingReplicaSet' && involvedObject.kind === 'Deployment');
        requireThat(completed.length === 1 && scaled.length >= 6, `${completed.length} completed Jobs and ${scaled.length} scaled Deployments were seen`);
        requireThat(Math.max(...completed) <= Math.min(...scaled), 'a Deployment was scaled before the migrations were complete');
        const rest = (await leftovers()).filter((/** @type {string} */ name) => name.includes('migrations'));
        requireThat(rest.length === 0, `left: ${rest.join(', ')}`);
        return 'one Job, complete before the first Deployment';
      },
    },
    {
      name: 'upgrade to values large',
      run: async () => {
        const taints = [{ key: 'nat/spot', effect: 'NoSchedule' }];
        await send(simulatedNodes('spot', { cpu: '16', memory: '64Gi' }, 4, { labels: { 'nat/pool': 'spot' }, taints }), 'create');
        await Promise.all([client.helm('upgrade', ...RELEASE, chart, ...(variants['large'] ?? []), ...WAIT), giveAddress('nat-gateway')]);
        const all = await deployments();
        requireThat(all.get('nat-worker-spot')?.status.availableReplicas === 1, 'no preemptible worker is available');
        const { items: scalers } = await get('horizontalpodautoscalers', '--namespace', NAMESPACE);
        requireThat(scalers.length === 5, `${scalers.length} HorizontalPodAutoscalers instead of 5`);
        return `${all.size} Deployments available, ${scalers.length} autoscalers`;
      },
    },
    {
      name: 'upgrade with a bad value',
      run: async () => {
        const words = await client.helm('upgrade', ...RELEASE, chart, '--set', 'registry.replicas=none').then(
          () => undefined,
          (/** @type {unknown} */ error) => (error instanceof SetupError ? error.message : String(error)),
        );
        requireThat(words?.includes('/registry/replicas') === true, `it was not refused by the schema: ${words ?? 'accepted'}`);
        const history = JSON.parse(await client.helm('history', ...RELEASE, '--output', 'json'));
        requireThat(history.length === 2, `the release has ${history.length} revisions instead of 2`);
        return 'refused by the schema, the release untouched';
      },
    },
    {
      name: 'rollback to the first revision',
      run: async () => {
        await client.helm('rollback', 'nat', '1', '--namespace', NAMESPACE, ...WAIT);
        const manifest = await client.helm('get', 'manifest', ...RELEASE);
        requireThat(manifest === manifests.get(1), 'the manifest is not that of the first revision');
        const all = await deployments();
        requireThat(!all.has('nat-worker-spot') && all.get('nat-registry').status.availableReplicas === 1, 'objects of the second revision are still there');
        return `${all.size} Deployments available again, as first installed`;
      },
    },
    {
      name: 'uninstall',
      run: async () => {
        await client.helm('uninstall', ...RELEASE, '--wait');
        await until('everything of the release has gone', 60_000, async () => ((await leftovers()).length === 0 ? true : undefined));
        const { items: claims } = await get('persistentvolumeclaims', '--namespace', NAMESPACE);
        requireThat(claims.length === 1, `${claims.length} claims are left instead of the one with weights and policies`);
        await kubectl('delete', 'persistentvolumeclaims', '--all', '--namespace', NAMESPACE, '--wait=false');
        return 'nothing left but the claim with weights and policies';
      },
    },
  ];
}
