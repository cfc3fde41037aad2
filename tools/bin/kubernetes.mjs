/**
 * `npm run kubernetes [-- --nodes N]`: the chart on a real control plane of Kubernetes with simulated nodes. Every set of values is tried on the server,
 * a release lives through install, upgrade, rollback and uninstall, and a fleet of GPU workers through a drain. Prints a table of what was checked; a row
 * that fails is exit code 1. The first run builds the control plane.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { onRuntime, setUp } from '../bootstrap/index.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import { ensureControlPlane } from '../kubernetes/control-plane-programs.mjs';
import { startControlPlane } from '../kubernetes/control-plane.mjs';
import { fleetChecks } from '../kubernetes/fleet-checks.mjs';
import { createClient } from '../kubernetes/kubectl.mjs';
import { ensureClients, ensureDefinitions } from '../kubernetes/programs.mjs';
import { releaseChecks } from '../kubernetes/release-checks.mjs';

function readArguments() {
  let nodes;
  try {
    ({ nodes } = parseArgs({ options: { nodes: { type: 'string', default: '1000' } } }).values);
  } catch (error) {
    throw new SetupError(error instanceof Error ? error.message : String(error));
  }
  const count = Number(nodes);
  if (!Number.isInteger(count) || count < 10 || count > 5000) throw new SetupError(`--nodes is a whole number from 10 to 5000, not ${nodes}`);
  return { nodes: count };
}

await onRuntime(import.meta.url, async (runtime, report) => {
  const { nodes } = readArguments();
  await setUp({ report, env: runtime.env });
  const programs = await ensureControlPlane({ report });
  const definitions = await ensureDefinitions({ report });
  if (definitions === undefined) throw new SetupError('go is needed to fetch the definitions of custom resources');
  const { helm, kubectl } = await ensureClients({ report });

  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-kubernetes-'));
  const since = performance.now();
  const counts = { passed: 0, failed: 0 };
  const cluster = await report.step('starting the control plane', () => startControlPlane({ dir, programs }));
  const interrupt = () => process.exit(1); // by way of the control plane's own clean-up
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  try {
    const client = createClient({ helm, kubectl, kubeconfig: cluster.kubeconfig, dir });
    for (const { name, run } of [...releaseChecks(client, { helm, definitions }), ...fleetChecks(client, { nodes })]) {
      const started = performance.now();
      const seen = await run().then(
        (text) => ({ ok: true, text }),
        (/** @type {unknown} */ error) => ({ ok: false, text: error instanceof SetupError ? error.message : String(error) }),
      );
      counts[seen.ok ? 'passed' : 'failed'] += 1;
      const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`;
      console.log(`${seen.ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(58)} ${seconds.padStart(8)}  ${seen.text}`);
    }
  } finally {
    await cluster.stop();
    if (counts.failed === 0) fs.rmSync(dir, { recursive: true, force: true });
    else report.line(`the logs of the control plane are in ${dir}`);
  }
  const minutes = ((performance.now() - since) / 60_000).toFixed(1);
  console.log(`kubernetes: ${counts.passed} checks passed, ${counts.failed} failed, in ${minutes} minutes`);
  if (counts.failed > 0) process.exitCode = 1;
});
