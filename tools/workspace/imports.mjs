/** Which file of the workspace imports which, types included. */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/**
 * What the files of a workspace import of each other.
 * @param {ReadonlyMap<string, string>} texts by path, relative to the root
 * @param {ReadonlyMap<string, string>} entries what packages export, such as `@nat/base/errors`, and the file that it stands for
 * @returns {Map<string, string[]>} for each file those that it imports
 */
export function importGraph(texts, entries) {
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const [file, text] of texts) {
    const { importedFiles } = ts.preProcessFile(text, true, true);
    const resolved = importedFiles.flatMap(({ fileName: specifier }) => {
      const target = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file), specifier) : entries.get(specifier);
      return target !== undefined && texts.has(target) ? [target] : [];
    });
    graph.set(file, [...new Set(resolved)]);
  }
  return graph;
}

/**
 * The circles of a graph: for each group of nodes that reach each other, a shortest way round.
 * @param {ReadonlyMap<string, readonly string[]>} graph
 * @returns {string[][]} each from its first node by name; the way from the last one back is left out
 */
export function findCircles(graph) {
  return componentsOf(graph).flatMap((component) => {
    const [start = ''] = [...component].sort();
    const circle = shortestCircle(graph, start, new Set(component));
    return circle === undefined ? [] : [circle];
  });
}

/**
 * Tarjan's strongly connected components, without recursion.
 * @param {ReadonlyMap<string, readonly string[]>} graph
 * @returns {string[][]}
 */
function componentsOf(graph) {
  /** @type {Map<string, number>} */
  const index = new Map();
  /** @type {Map<string, number>} */
  const low = new Map();
  const onStack = new Set();
  /** @type {string[]} */
  const stack = [];
  /** @type {string[][]} */
  const components = [];
  for (const root of graph.keys()) {
    if (index.has(root)) continue;
    const work = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const frame = /** @type {{node: string, next: number}} */ (work.at(-1));
      const { node } = frame;
      if (frame.next === 0) {
        index.set(node, index.size);
        low.set(node, index.size - 1);
        stack.push(node);
        onStack.add(node);
      }
      const target = graph.get(node)?.[frame.next++];
      if (target !== undefined) {
        if (!index.has(target)) work.push({ node: target, next: 0 });
        else if (onStack.has(target)) low.set(node, Math.min(low.get(node) ?? 0, index.get(target) ?? 0));
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.node;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent) ?? 0, low.get(node) ?? 0));
      if (low.get(node) !== index.get(node)) continue;
      const component = stack.splice(stack.indexOf(node));
      for (const one of component) onStack.delete(one);
      components.push(component);
    }
  }
  return components;
}

/**
 * @param {ReadonlyMap<string, readonly string[]>} graph
 * @param {string} start
 * @param {ReadonlySet<string>} within
 * @returns {string[] | undefined} undefined when no way leads back
 */
function shortestCircle(graph, start, within) {
  /** @type {Map<string, string | undefined>} */
  const cameFrom = new Map([[start, undefined]]);
  for (const node of cameFrom.keys()) {
    for (const target of graph.get(node) ?? []) {
      if (target === start) {
        /** @type {string[]} */
        const way = [];
        for (let at = /** @type {string | undefined} */ (node); at !== undefined; at = cameFrom.get(at)) way.unshift(at);
        return way;
      }
      if (within.has(target) && !cameFrom.has(target)) cameFrom.set(target, node);
    }
  }
  return undefined;
}

/**
 * What the packages export, and the file that each name stands for.
 * @param {readonly {name: string, folder: string, manifest: any}[]} packages
 * @returns {Map<string, string>}
 */
export function packageEntries(packages) {
  return new Map(
    packages.flatMap(({ name, folder, manifest }) =>
      Object.entries(manifest.exports ?? {}).flatMap(([entry, target]) =>
        typeof target === 'string' ? [[path.posix.join(name, entry), path.posix.join(folder, target)]] : [],
      ),
    ),
  );
}

/**
 * @param {string} root
 * @param {readonly string[]} files relative to it
 * @returns {Map<string, string>} their texts
 */
export function readTexts(root, files) {
  return new Map(files.map((file) => [file, fs.readFileSync(path.join(root, file), 'utf8')]));
}
