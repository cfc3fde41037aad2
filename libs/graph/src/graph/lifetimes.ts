/** Who reads what, and how long values live. */
import type { Graph, Value } from './graph.ts';

/** Indices of the nodes that read each value, rising, each once. [values] */
export function readersOf({ inputs, nodes }: Graph): readonly (readonly number[])[] {
  const readers: number[][] = Array.from({ length: inputs.length + nodes.length }, () => []);
  nodes.forEach((node, index) => {
    for (const input of node.inputs) if (readers[input]!.at(-1) !== index) readers[input]!.push(index);
  });
  return readers;
}

/** For each value 1 where some path leads from it to an output of the graph. [values] */
export function liveValues({ inputs, nodes, outputs }: Graph): Uint8Array {
  const live = new Uint8Array(inputs.length + nodes.length);
  for (const { value } of outputs) live[value] = 1;
  for (let index = nodes.length - 1; index >= 0; index--) {
    if (live[inputs.length + index] === 1) for (const input of nodes[index]!.inputs) live[input] = 1;
  }
  return live;
}

/**
 * The last of some steps to read each value; -1 for one that is never read, and the number of steps for one that is wanted afterwards.
 * @param reads the values that each step reads
 */
export function lastReads(values: number, reads: readonly (readonly Value[])[], wanted: readonly Value[]): Int32Array {
  const last = new Int32Array(values).fill(-1);
  reads.forEach((read, step) => {
    for (const value of read) last[value] = step;
  });
  for (const value of wanted) last[value] = reads.length;
  return last;
}
