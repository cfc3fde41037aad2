/**
 * `node tools/workspace/references.mjs [--write]`: the `references` of each package's tsconfig.json are its workspace dependencies, and the
 * root's are all packages and tools. Says what differs and exits 1; `--write` puts it right. Also: each package has one layer, and exports.
 */
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../bootstrap/index.mjs';
import { layers } from './layers.mjs';
import { workspacePackages } from './packages.mjs';

const packages = workspacePackages();
const folderOf = new Map(packages.map(({ name, folder }) => [name, folder]));
const write = process.argv.includes('--write');
/** @type {string[]} */
const problems = [];

/**
 * @param {string} folder of the tsconfig.json, relative to the root
 * @param {string[]} wanted folders, relative to the root
 * @param {string[]} allowed folders that may be referenced besides
 */
function checkReferences(folder, wanted, allowed) {
  const file = path.posix.join(folder, 'tsconfig.json');
  const config = JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
  /** @type {string[]} */
  const found = (config.references ?? []).map((/** @type {{path: string}} */ reference) => path.posix.join(folder, reference.path));
  const missing = wanted.filter((reference) => !found.includes(reference));
  const extra = found.filter((reference) => !wanted.includes(reference) && !allowed.includes(reference));
  if (missing.length === 0 && extra.length === 0) return;
  if (write) {
    const references = [...wanted, ...allowed.filter((reference) => found.includes(reference))].map((to) => ({ path: path.posix.relative(folder, to) }));
    fs.writeFileSync(path.join(root, file), `${JSON.stringify({ ...config, references }, null, 2)}\n`);
    return;
  }
  if (missing.length > 0) problems.push(`${file} lacks a reference to ${missing.join(', ')}`);
  if (extra.length > 0) problems.push(`${file} references ${extra.join(', ')}, which package.json does not depend on`);
}

for (const { name, folder, manifest } of packages) {
  const wanted = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap((dependency) => folderOf.get(dependency) ?? []);
  checkReferences(folder, wanted, ['tools']); // tests may start servers with tools/infra
  /** @type {string[]} */
  const tags = (manifest.nx?.tags ?? []).filter((/** @type {string} */ tag) => tag.startsWith('layer:'));
  if (tags.length !== 1 || !Object.hasOwn(layers, (tags[0] ?? '').slice('layer:'.length))) {
    problems.push(`${folder}/package.json: ${name} is in ${tags.join(', ') || 'no layer'}; nx.tags names one of layer:${Object.keys(layers).join(', layer:')}`);
  }
  if (manifest.exports === undefined) problems.push(`${folder}/package.json has no exports, and the boundary rule does not check such a package`);
}
checkReferences('', [...packages.map(({ folder }) => folder), 'tools'], []);

for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error('node tools/workspace/references.mjs --write puts references right');
  process.exitCode = 1;
}
