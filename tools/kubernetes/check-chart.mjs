/**
 * `node tools/kubernetes/check-chart.mjs`: renders the chart with each file of values, checks every object strictly, and that bad values are refused.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { chart, renderChart, variants } from './chart.mjs';
import * as pins from './pins.mjs';
import { ensureClients, ensureDefinitions, ensureValidator } from './programs.mjs';

/** A value that must be refused, and by which words. */
const BAD_VALUES = /** @type {const} */ ([
  ['registry.replicas=0', /\/registry\/replicas.*minimum/],
  ['gateway.replicas=two', /\/gateway\/replicas.*want integer/],
  ['worker.replicas=1', /additional properties 'worker' not allowed/],
  ['workers.gpu.gpu=1', /additional properties 'gpu' not allowed/],
  ['workers.gpu.gpus=2', /\/workers\/gpu\/gpus.*maximum/],
  ['workers.cpu.gpus=1', /gpus need flavour cuda/],
  ['database.existingSecret=', /\/database\/existingSecret/],
  ['database.url=postgres://user:password@host/nat', /additional properties 'url' not allowed/],
  ['blobs.url=http://example.org', /\/blobs\/url/],
  ['blobs.url=s3://nat-blobs', /give one of url, persistentVolumeClaim/],
  ['image.service.tag=latest', /\/image\/service\/tag/],
  ['registry.env.NAT_HOST=0.0.0.0', /NAT_HOST/],
  ['auth.tokens.existingSecret=', /callers of the gateway need/],
  ['auth.jwt.issuer=https://login.example.org', /an issuer needs an audience/],
  ['tracing.endpoint=collector:4318', /\/tracing\/endpoint/],
  ['tracing.sampleRatio=2', /\/tracing\/sampleRatio.*maximum/],
  ['evaluator.renewMs=20000', /at most half of evaluator.leaseMs/],
]);

async function main() {
  const report = createReport();
  const { helm } = await ensureClients({ report });
  const validator = await ensureValidator({ report });
  const definitions = await ensureDefinitions({ report });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-chart-'));
  /** @type {string[]} */
  const wrong = [];
  try {
    await run(helm, ['lint', '--strict', '--quiet', chart], { failed: 'helm lint' });
    const manifests = [];
    for (const [name, flags] of Object.entries(variants)) {
      const manifest = path.join(folder, `${name}.yaml`);
      fs.writeFileSync(manifest, await renderChart(helm, flags));
      manifests.push(manifest);
    }
    const script = fileURLToPath(new URL('./validate.py', import.meta.url));
    const answer = JSON.parse(await run(validator, [script, pins.kubernetes.minor, definitions ?? '-', ...manifests], { failed: 'the validator' }));
    wrong.push(...answer.errors);
    if (definitions !== undefined) {
      wrong.push(...answer.without.map((/** @type {string} */ kind) => `no schema for ${kind}: its definition belongs into tools/kubernetes/pins.mjs`));
    }
    const counts = Object.entries(answer.counts).map(([kind, count]) => `${count} ${kind}`);
    console.log(`${Object.keys(variants).length} sets of values against Kubernetes ${pins.kubernetes.minor}: ${counts.join(', ')}`);
    if (definitions === undefined) console.log(`not checked, for want of Go to fetch their definitions: ${answer.without.join(', ')}`);

    for (const [value, words] of BAD_VALUES) {
      const refusal = await refusalOf(helm, value);
      if (refusal === undefined) wrong.push(`--set ${value} is not refused`);
      else if (!words.test(refusal)) wrong.push(`--set ${value} is refused with other words than ${String(words)}: ${refusal}`);
    }
    console.log(`${BAD_VALUES.length} bad values refused`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  if (wrong.length > 0) throw new SetupError(`the chart is wrong:\n  ${wrong.join('\n  ')}`);
}

/** @param {string} helm @param {string} value @returns {Promise<string | undefined>} helm's words */
async function refusalOf(helm, value) {
  try {
    await renderChart(helm, ['--set', value]);
    return undefined;
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

try {
  await main();
} catch (error) {
  fail(error);
}
