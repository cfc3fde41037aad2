/**
 * What a network costs.
 *
 * Parameters: learned numbers, those that several nodes share counted once. MACs: multiply-accumulates of convolutions and linear layers for one
 * image. Both equal the official counters.
 *
 * Peak activation memory: float32 bytes at batch 1 in inference; neither the images nor weights. Modules run one after the other, in order. While a
 * module runs, it holds what it puts out, and everything that is read from then on is held beside it:
 * - what a module makes for itself alone is its workspace and is not counted;
 * - a sum owns one tensor from the run of its first term on; a term that it alone reads is added to it as soon as it was made, and let go; a term that
 *   others read before it becomes part of the sum once they have, in place;
 * - an identity gives what it reads, and a zero nothing; but both count as reading it, as the official x * 0 does;
 * - a value is held until the last module that reads it has run.
 */
import { DomainError } from '@nat/base/errors';
import { lastReads } from '../graph/lifetimes.ts';
import { type Graph, type Node, type Value } from '../graph/graph.ts';
import { activationBytes, type TensorType } from '../graph/tensor-type.ts';
import { macsOfNode, undeclaredParams, weightSpecs } from '../ops/registry.ts';
import { infer } from './infer.ts';

/** Params: numbers. MACs: one image. Peak: bytes, see above. */
export interface Cost {
  readonly params: number;
  readonly macs: number;
  readonly peakActivationBytes: number;
}

export interface ModuleProfile {
  readonly module: string;
  /** Indices of its nodes: first, and the one after the last. */
  readonly nodes: readonly [first: number, end: number];
  /** Shared parameters are counted in each module that has them. */
  readonly params: number;
  readonly macs: number;
  /** Held beside what the module puts out while it runs, the sums that it adds to included: bytes. */
  readonly heldBytes: number;
  /** What it puts out: bytes; 0 where that is what it reads, or nothing. */
  readonly outputBytes: number;
}

export interface Profile extends Cost {
  /** In the order in which they run. */
  readonly modules: readonly ModuleProfile[];
}

/**
 * Counts a graph. Linear in its nodes.
 * @param types as `infer` gives them
 * @throws DomainError INVALID_ARGUMENT, reason TOO_LARGE, for a cost that numbers cannot count exactly (2^53)
 */
export function profile(graph: Graph, types: readonly TensorType[] = infer(graph)): Profile {
  const runs = moduleRuns(graph.nodes);
  const memory = runMemory(graph, types, runs);
  const counted = new Set<string>();
  let [params, macs, peakActivationBytes] = [0, 0, 0];
  const modules = runs.map((nodes, run): ModuleProfile => {
    let [ownParams, ownMacs] = [0, 0];
    const own = new Set<string>();
    for (let index = nodes[0]; index < nodes[1]; index++) {
      const node = graph.nodes[index]!;
      const inputs = node.inputs.map((value) => types[value]!);
      const nodeMacs = macsOfNode(node, inputs, types[graph.inputs.length + index]!);
      ownMacs += nodeMacs;
      const undeclared = undeclaredParams(node);
      ownParams += undeclared;
      params += undeclared;
      weightSpecs(node, inputs).forEach(({ shape, trainable }, at) => {
        if (!trainable) return;
        const size = shape.reduce((product, length) => product * length, 1);
        const key = node.weights[at]!;
        if (!own.has(key)) ownParams += size;
        if (!counted.has(key)) params += size;
        own.add(key);
        counted.add(key);
      });
    }
    macs += ownMacs;
    const { held, output } = memory[run]!;
    peakActivationBytes = Math.max(peakActivationBytes, held + output);
    return { module: graph.nodes[nodes[0]]!.module, nodes, params: ownParams, macs: ownMacs, heldBytes: held, outputBytes: output };
  });
  return { ...checkCountable({ params, macs, peakActivationBytes }), modules };
}

/** @throws DomainError INVALID_ARGUMENT, reason TOO_LARGE, for a cost that numbers cannot count exactly (2^53) */
export function checkCountable(cost: Cost): Cost {
  if (Number.isSafeInteger(cost.params) && Number.isSafeInteger(cost.macs) && Number.isSafeInteger(cost.peakActivationBytes)) return cost;
  throw DomainError.invalid('architecture', 'costs more than can be counted exactly (2^53)', 'TOO_LARGE');
}

/** Nodes of one module that stand together. */
function moduleRuns(nodes: readonly Node[]): (readonly [first: number, end: number])[] {
  const runs: (readonly [number, number])[] = [];
  let first = 0;
  for (let index = 1; index <= nodes.length; index++) {
    if (index < nodes.length && nodes[index]!.module === nodes[first]!.module) continue;
    runs.push([first, index]);
    first = index;
  }
  return nodes.length === 0 ? [] : runs;
}

/** What is held while each run is on: bytes. */
function runMemory(
  { inputs, nodes, outputs }: Graph,
  types: readonly TensorType[],
  runs: readonly (readonly [number, number])[],
): readonly { readonly held: number; readonly output: number }[] {
  const values = types.length;
  const runOf = new Int32Array(values).fill(-1);
  runs.forEach(([first, end], run) => runOf.fill(run, inputs.length + first, inputs.length + end));
  const sumOf = termsOfSums({ inputs, nodes, outputs }, runOf);
  // An identity stands for what it reads, except where it is a term: there it is added as soon as it runs.
  const root = (value: Value): Value => {
    let at = value;
    for (let node = nodes[at - inputs.length]; node?.op === 'identity' && sumOf[at] === -1; node = nodes[at - inputs.length]) at = node.inputs[0]!;
    return at;
  };
  const named = nodes.map((node) => node.inputs.map(root));
  const wanted = outputs.map(({ value }) => root(value));
  const joins = lateTerms({ inputs, nodes }, { runOf, sumOf, named, wanted });
  const reads = runs.map(([first, end], run) =>
    named
      .slice(first, end)
      .flatMap((values, at) => values.filter((value) => runOf[value] !== run && sumOf[value] === -1 && joins.get(value)?.sum !== inputs.length + first + at)),
  );
  const last = lastReads(values, reads, wanted);
  const bytes = (value: Value): number => {
    const node = nodes[value - inputs.length];
    return node === undefined || node.op === 'zero' || node.op === 'identity' ? 0 : activationBytes(types[value]!);
  };
  const opened = runs.map((): Value[] => []); // sums that late terms become part of after each run
  for (const { sum, run } of joins.values()) opened[run]!.push(sum);
  const isOpen = new Uint8Array(values); // sums that own their tensor already
  let live = 0;
  return runs.map(([first, end], run) => {
    let output = 0;
    let kept = 0;
    for (let value = inputs.length + first; value < inputs.length + end; value++) {
      const sum = sumOf[value]!;
      if (sum !== -1) {
        if (isOpen[sum] === 0) live += bytes(sum);
        isOpen[sum] = 1;
        output += bytes(value);
      } else if (last[value]! > run || (last[value] === -1 && (value === inputs.length + end - 1 || joins.has(value)))) {
        if (isOpen[value] === 1) continue;
        output += bytes(value);
        if (last[value]! > run) kept += bytes(value);
      }
    }
    const held = live;
    live += kept;
    for (const value of new Set(reads[run])) if (last[value] === run) live -= bytes(value);
    for (let value = inputs.length + first; value < inputs.length + end; value++) if (isOpen[value] === 1 && last[value] === -1) live -= bytes(value);
    for (const sum of opened[run]!) {
      if (isOpen[sum] === 0) live += bytes(sum);
      isOpen[sum] = 1;
    }
    return { held, output };
  });
}

/** For each value the sum that it is added to and that alone reads it; -1 for the others, and for sums, which are added in place. [values] */
function termsOfSums({ inputs, nodes, outputs }: Graph, runOf: Int32Array): Int32Array {
  const readers = new Int32Array(inputs.length + nodes.length);
  for (const node of nodes) for (const input of node.inputs) readers[input]!++;
  for (const { value } of outputs) readers[value]!++;
  const sumOf = new Int32Array(inputs.length + nodes.length).fill(-1);
  nodes.forEach((node, index) => {
    if (node.op !== 'sum') return;
    for (const input of node.inputs)
      if (readers[input] === 1 && input >= inputs.length && nodes[input - inputs.length]!.op !== 'sum' && runOf[input] !== runOf[inputs.length + index])
        sumOf[input] = inputs.length + index;
  });
  return sumOf;
}

/** A term that becomes part of a sum when a run is over, as the sum is the only one left to read it. */
interface LateTerm {
  readonly sum: Value;
  readonly run: number;
}

interface Reading {
  readonly runOf: Int32Array;
  readonly sumOf: Int32Array;
  /** What each node reads, identities seen through. */
  readonly named: readonly (readonly Value[])[];
  readonly wanted: readonly Value[];
}

/** Values whose last reader is a sum in a later run than all others, by value. */
function lateTerms({ inputs, nodes }: Pick<Graph, 'inputs' | 'nodes'>, { runOf, sumOf, named, wanted }: Reading): ReadonlyMap<Value, LateTerm> {
  const lastReader = new Int32Array(runOf.length).fill(-1); // as the value that the reader gives
  const otherRuns = new Int32Array(runOf.length).fill(-1); // the last run of the readers before that
  named.forEach((values, index) => {
    const reader = inputs.length + index;
    for (const value of values) {
      if (lastReader[value] === reader) continue;
      if (lastReader[value] !== -1) otherRuns[value] = runOf[lastReader[value]!]!;
      lastReader[value] = reader;
    }
  });
  const joins = new Map<Value, LateTerm>();
  for (let value = inputs.length; value < runOf.length; value++) {
    const sum = lastReader[value]!;
    const run = Math.max(runOf[value]!, otherRuns[value]!);
    if (sumOf[value] === -1 && nodes[sum - inputs.length]?.op === 'sum' && runOf[sum]! > run && !wanted.includes(value)) joins.set(value, { sum, run });
  }
  return joins;
}
