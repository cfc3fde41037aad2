/** `npm run verify [-- gate ...]`: every gate, or the named ones. All are run, the output of those that fail is shown, one failure is exit code 1. */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';

/** @param {string} name a program of node_modules */
const tool = (name) => path.join(root, 'node_modules', '.bin', name);
/** @param {...string} args */
const script = (...args) => [process.execPath, ...args];

/**
 * Each gate's commands, in order. The project graph comes first: the boundary rule of lint passes everything without one.
 * @type {Record<string, string[][]>}
 */
const gates = {
  projects: [[tool('nx'), 'show', 'projects']],
  references: [script('tools/workspace/references.mjs')],
  lockfile: [script('tools/fixlock.mjs', '--check')],
  types: [[tool('tsc'), '-b', '--pretty', 'false']],
  lint: [[tool('eslint'), '.', '--max-warnings', '0'], script('tools/workspace/lint-fixtures.mjs')],
  format: [[tool('prettier'), '--check', '.']],
  circles: [script('tools/workspace/circles.mjs')],
  'dead-code': [[tool('knip')]],
  contracts: [
    ['npm', 'run', '--silent', 'generate:check'],
    ['npm', 'run', '--silent', 'proto:lint'],
    ['npm', 'run', '--silent', 'proto:breaking'],
  ],
  'foreign-text': [script('tools/workspace/foreign-text.mjs')],
  deploy: [script('tools/kubernetes/check-chart.mjs'), script('tools/kubernetes/check-images.mjs')],
};

await onRuntime(import.meta.url, async (runtime, report) => {
  await setUp({ report, env: runtime.env });
  const env = { ...runtime.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', FORCE_COLOR: '0' };
  const chosen = process.argv.slice(2);
  const unknown = chosen.filter((name) => !Object.hasOwn(gates, name));
  if (unknown.length > 0) throw new SetupError(`no gate ${unknown.join(', ')}; there are ${Object.keys(gates).join(', ')}`);
  /** @type {string[]} */
  const failed = [];
  for (const [name, commands] of Object.entries(gates)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const started = process.hrtime.bigint();
    let output = '';
    for (const [command = '', ...args] of commands) {
      try {
        await run(command, args, { cwd: root, env, failed: [path.basename(command), ...args].join(' '), tailLines: 200 });
      } catch (error) {
        if (!(error instanceof SetupError)) throw error;
        output += `${error.message}\n`;
      }
    }
    const seconds = (Number(process.hrtime.bigint() - started) / 1e9).toFixed(1);
    console.log(`${output === '' ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)${output === '' ? '' : `\n  ${output.trimEnd().replaceAll('\n', '\n  ')}`}`);
    if (output !== '') failed.push(name);
  }
  console.log(failed.length === 0 ? 'all gates passed' : `gates that failed: ${failed.join(', ')}`);
  if (failed.length > 0) process.exitCode = 1;
});
