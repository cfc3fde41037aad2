import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { root } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';
import { renderChart, variants } from './chart.mjs';
import * as pins from './pins.mjs';
import { ensureClients, ensureDefinitions, ensureValidator } from './programs.mjs';

const report = createReport();
const unavailable = process.platform !== 'linux' || process.arch !== 'x64' ? 'helm is taken from npm for Linux x64 only' : undefined;

/** @param {string} text @returns {any[]} */
const objectsOf = (text) => parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
/** @param {any} object the Pod that it makes, where it makes one */
const podOf = (object) => (['Deployment', 'Job'].includes(object.kind) ? object.spec.template : undefined);
/** @param {any} pod */
const containersOf = (pod) => [...(pod.spec.initContainers ?? []), ...pod.spec.containers];

describe.skipIf(unavailable !== undefined)(`the chart${unavailable === undefined ? '' : ` (skipped: ${unavailable})`}`, () => {
  /** @type {string} */
  let helm;
  /** Objects by set of values. @type {Record<string, any[]>} */
  const rendered = {};
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-chart-test-'));
  beforeAll(async () => {
    ({ helm } = await ensureClients({ report }));
    for (const [name, flags] of Object.entries(variants)) rendered[name] = objectsOf(await renderChart(helm, flags));
  });
  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  /** @param {any[]} objects @returns {any[]} their Pods' templates, with the name of the object */
  const podsOf = (objects) => objects.flatMap((object) => (podOf(object) === undefined ? [] : [{ ...podOf(object), owner: object.metadata.name }]));
  const allPods = () => Object.entries(rendered).flatMap(([values, objects]) => podsOf(objects).map((pod) => ({ values, ...pod })));

  it('has Pods that the restricted profile of Pod Security admits, and that hold no token of the API', () => {
    expect(allPods().length).toBeGreaterThan(20);
    for (const { spec } of allPods()) {
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of containersOf({ spec })) {
        expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
        expect(container.resources.requests).toMatchObject({ cpu: expect.anything(), memory: expect.anything() });
        expect(container.resources.limits.memory).toBeDefined();
      }
    }
  });

  it('gives processes only variables that their sources know', () => {
    const sources = execFileSync('git', ['grep', '--untracked', '-hoE', 'NAT_[A-Z0-9_]+', '--', ':(glob)apps/*/src/**/*.ts', ':(glob)libs/*/src/**/*.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const known = new Set(sources.split('\n'));
    const given = new Set(allPods().flatMap((pod) => containersOf(pod).flatMap(({ env }) => env.map((/** @type {any} */ { name }) => name))));
    expect([...given].filter((name) => name.startsWith('NAT_') && !known.has(name))).toEqual([]);
    expect(given.size).toBeGreaterThan(20);
  });

  it('starts programs that are there', () => {
    for (const pod of allPods())
      for (const { args } of containersOf(pod)) expect({ args, exists: fs.existsSync(path.join(root, args[0])) }).toEqual({ args, exists: true });
  });

  it('holds no secret, and refers to each by name', () => {
    for (const objects of Object.values(rendered)) expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const text = JSON.stringify(rendered);
    expect(text).toContain('"secretKeyRef":{"name":"nat-database","key":"url"}');
    expect(text).not.toMatch(/postgres(ql)?:\/\//);
  });

  it('gives every Pod a policy for what goes in and out, beside the one that denies', () => {
    for (const objects of Object.values(rendered)) {
      const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
      for (const { owner, metadata } of podsOf(objects)) {
        const chosen = policies.filter(({ spec }) => Object.entries(spec.podSelector.matchLabels).every(([key, value]) => metadata.labels[key] === value));
        expect({ owner, policies: chosen.length }).toEqual({ owner, policies: 2 });
      }
    }
  });

  it('has a Service with every replica for each address that is called', () => {
    for (const objects of Object.values(rendered)) {
      const services = new Map(objects.filter(({ kind }) => kind === 'Service').map((service) => [service.metadata.name, service.spec]));
      const addresses = podsOf(objects).flatMap((pod) => containersOf(pod).flatMap(({ env }) => env.map((/** @type {any} */ { value }) => value)));
      const called = new Set(addresses.flatMap((value) => /^dns:\/\/\/([\w-]+)\.nat\.svc\.cluster\.local:7070$/.exec(value ?? '')?.[1] ?? []));
      expect([...called].sort()).toEqual(['nat-evaluator', 'nat-metrics', 'nat-policy', 'nat-registry']);
      for (const name of called)
        expect(services.get(name)).toMatchObject({ clusterIP: 'None', ports: expect.arrayContaining([expect.objectContaining({ port: 7070 })]) });
    }
  });

  it('lets a process drain before it is killed', () => {
    for (const { owner, spec } of allPods()) {
      const value = (/** @type {string} */ name) => Number(spec.containers[0].env.find((/** @type {any} */ variable) => variable.name === name)?.value ?? 0);
      if (owner.endsWith('-migrations')) continue;
      expect({ owner, enough: spec.terminationGracePeriodSeconds * 1000 >= value('NAT_DRAIN_MS') + value('NAT_LAME_DUCK_MS') + 10_000 }).toEqual({
        owner,
        enough: true,
      });
    }
  });

  it('gives a GPU to each worker of a pool of GPUs, and its queue to its scaling', () => {
    const objects = rendered['gpu'] ?? [];
    const { spec } = podOf(objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'nat-worker-gpu'));
    expect(spec.containers[0].resources.limits['nvidia.com/gpu']).toBe(1);
    expect(spec.containers[0].image).toBe('nat/worker-cuda:0.1.0');
    const { triggers, maxReplicaCount } = objects.find(({ kind }) => kind === 'ScaledObject').spec;
    expect(maxReplicaCount).toBe(8000);
    expect(triggers[0].metadata.query).toBe(
      'sum(max by (kind, state) (nat_evaluations_open{namespace="nat",service="nat-evaluator",kind=~"from-scratch|shared-weights|train-shard"})) or vector(0)',
    );
  });

  it('migrates before anything of a release is there', () => {
    const hooks = (rendered['large'] ?? []).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade');
    expect(hooks.map(({ kind }) => kind).sort()).toEqual(['Job', 'NetworkPolicy', 'ServiceAccount']);
    const job = hooks.find(({ kind }) => kind === 'Job');
    expect(containersOf(podOf(job)).map(({ args }) => args)).toEqual(
      ['registry', 'metrics', 'evaluator', 'policy'].map((service) => [`apps/${service}/src/main.ts`, '--migrate']),
    );
    // What cert-manager makes is of the release: nothing that comes before it may wait for it.
    const needed = podOf(job).spec.volumes.flatMap((/** @type {any} */ { secret }) => secret?.secretName ?? []);
    expect(needed).toEqual(['nat-kafka-ca']);
  });

  it('carries the rules as they stand', () => {
    const rules = (rendered['large'] ?? []).find(({ kind }) => kind === 'PrometheusRule').spec;
    expect([rules]).toEqual(objectsOf(fs.readFileSync(path.join(root, 'deploy', 'prometheus', 'rules.yaml'), 'utf8')));
  });

  it('is checked by a validator that finds unknown fields and wrong types, in custom resources too', async () => {
    const validator = await ensureValidator({ report });
    const definitions = await ensureDefinitions({ report });
    const script = fileURLToPath(new URL('./validate.py', import.meta.url));
    /** @param {string} kind @param {(spec: any) => void} change */
    const errorsOf = async (kind, change) => {
      const object = structuredClone((rendered['gpu'] ?? []).find((one) => one.kind === kind));
      change(object.spec);
      const file = path.join(folder, 'changed.yaml');
      fs.writeFileSync(file, stringify(object));
      return JSON.parse(await run(validator, [script, pins.kubernetes.minor, definitions ?? '-', file])).errors;
    };
    expect(await errorsOf('Deployment', () => undefined)).toEqual([]);
    expect(await errorsOf('Deployment', (spec) => (spec.template.spec.hostNetworking = true))).toEqual([
      expect.stringContaining("'hostNetworking' was unexpected"),
    ]);
    expect(await errorsOf('PodDisruptionBudget', (spec) => (spec.selector = 'all'))).toEqual([expect.stringContaining('selector')]);
    if (definitions === undefined) return;
    expect(await errorsOf('ScaledObject', (spec) => (spec.minReplicaCount = '8'))).toEqual([expect.stringContaining("'8' is not of type 'integer'")]);
    expect(await errorsOf('ServiceMonitor', (spec) => (spec.endpoints[0].prot = 'x'))).toEqual([expect.stringContaining("'prot' was unexpected")]);
  });
});
