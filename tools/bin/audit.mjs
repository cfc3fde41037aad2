/**
 * `npm run audit [-- options of npm audit]`: whether an installed package has a known vulnerability, as the registry of this machine knows. Exit codes: 0 none, 1 some, 2 it
 * cannot be asked. Not a gate: what is known changes without a change here.
 */
import { spawnSync } from 'node:child_process';
import { onRuntime, root } from '../bootstrap/index.mjs';
import { SetupError } from '../bootstrap/report.mjs';

/** @typedef {{name: string, severity: string, range: string, via: (string | {title: string, url: string})[]}} Vulnerability */

await onRuntime(import.meta.url, (runtime) => {
  const { stdout, error } = spawnSync('npm', ['audit', '--json', ...process.argv.slice(2)], {
    cwd: root,
    env: runtime.env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error !== undefined) throw new SetupError(`npm cannot be started: ${error.message}`);
  /** @type {{vulnerabilities?: Record<string, Vulnerability>, metadata?: {dependencies: {total: number}}, message?: string}} */
  const answer = JSON.parse(stdout);
  if (answer.vulnerabilities === undefined) {
    console.error(`nat: the registry tells no vulnerabilities (${answer.message ?? 'no answer'}): ask another, with --registry URL`);
    process.exitCode = 2;
    return Promise.resolve();
  }
  const found = Object.values(answer.vulnerabilities);
  for (const { name, severity, range, via } of found) {
    const why = via.map((one) => (typeof one === 'string' ? `by ${one}` : `${one.title} ${one.url}`)).join('; ');
    console.log(`${severity.padEnd(9)} ${name} ${range}: ${why}`);
  }
  console.log(`${found.length} of ${answer.metadata?.dependencies.total ?? 0} packages have a known vulnerability`);
  if (found.length > 0) process.exitCode = 1;
  return Promise.resolve();
});
