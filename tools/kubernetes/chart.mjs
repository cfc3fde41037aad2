import fs from 'node:fs';
import path from 'node:path';
import { root } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';

/** The chart's folder. */
export const chart = path.join(root, 'deploy', 'helm', 'nat');

/** What the chart can be installed with: its own values, and each file of values beside them. @type {Readonly<Record<string, string[]>>} */
export const variants = Object.fromEntries([
  ['default', []],
  ...fs
    .readdirSync(chart)
    .filter((name) => /^values-.+\.yaml$/.test(name))
    .sort()
    .map((name) => [name.slice('values-'.length, -'.yaml'.length), ['--values', path.join(chart, name)]]),
]);

/**
 * The chart's manifests as one text. @throws SetupError with helm's words
 * @param {string} helm
 * @param {string[]} flags
 */
export function renderChart(helm, flags) {
  return run(helm, ['template', 'nat', chart, '--namespace', 'nat', ...flags], { failed: 'helm could not render the chart' });
}
