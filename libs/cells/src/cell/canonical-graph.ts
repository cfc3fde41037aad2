/**
 * Canonical forms of small labelled directed acyclic multigraphs, by colour refinement and individualisation.
 *
 * Colours are ranks of what a node and its neighbours look like, so they do not depend on numbering. Seeded with everything an
 * ordered walk sees before and behind a node, refinement soon separates what it can. Where nodes stay alike, the graph falls
 * into components that can be looked at one by one; inside a component every node of one class is singled out in turn and the
 * smallest form is kept (McKay's method without its pruning). Time is bounded: a graph whose symmetry takes more than the
 * allowed steps gets the form that refinement alone gives, which is still the same for every numbering, but might be shared
 * by another such graph.
 */
import { createHash } from 'node:crypto';

export interface LabelledGraph {
  /** A label a node. */
  readonly nodes: readonly string[];
  /** `from` and `to` of a DAG in any numbering; several edges may join the same nodes. */
  readonly edges: readonly { readonly from: number; readonly to: number; readonly label: string }[];
}

/** Steps (nodes and edges looked at) before the form falls back to plain refinement: about a second. */
const MAX_STEPS = 600_000;

/** A hash (64 hexadecimal digits) that two graphs share if they are isomorphic, and otherwise only past `MAX_STEPS`. */
export function canonicalForm(graph: LabelledGraph, maxSteps = MAX_STEPS): string {
  const search = new CanonicalSearch(graph, maxSteps);
  try {
    const { order } = search.process(graph.nodes.map((_, node) => node));
    const rank = new Int32Array(order.length);
    order.forEach((node, position) => (rank[node] = position));
    const edges = graph.edges.map(({ from, to, label }) => `${rank[from]} ${rank[to]} ${label}`).sort();
    return hash(JSON.stringify(['exact', order.map((node) => graph.nodes[node]), edges]));
  } catch (error) {
    if (!(error instanceof OutOfSteps)) throw error;
    const { seeds } = search;
    const nodes = graph.nodes.map((label, node) => `${seeds[node]} ${label}`).sort();
    const edges = graph.edges.map(({ from, to, label }) => `${seeds[from]} ${seeds[to]} ${label}`).sort();
    return hash(JSON.stringify(['refined', nodes, edges]));
  }
}

class OutOfSteps extends Error {}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface Arc {
  readonly node: number;
  /** Rank of the label among all labels. */
  readonly label: number;
}

interface Canonical {
  readonly order: readonly number[];
  /** The same for nodes that may change places as a whole. */
  readonly form: string;
}

class CanonicalSearch {
  readonly #incoming: readonly Arc[][];
  readonly #outgoing: readonly Arc[][];
  readonly #color: Float64Array;
  /** Which component a node is looked at in: only arcs inside count. */
  readonly #component: Int32Array;
  #components = 0;
  #stepsLeft: number;
  /** Colours before any node is singled out. */
  readonly seeds: Float64Array;

  constructor(graph: LabelledGraph, maxSteps: number) {
    this.#stepsLeft = maxSteps;
    this.#incoming = graph.nodes.map(() => []);
    this.#outgoing = graph.nodes.map(() => []);
    const labels = new Map([...new Set(graph.edges.map(({ label }) => label))].sort().map((label, index) => [label, index]));
    for (const { from, to, label } of graph.edges) {
      this.#incoming[to]!.push({ node: from, label: labels.get(label)! });
      this.#outgoing[from]!.push({ node: to, label: labels.get(label)! });
    }
    this.#component = new Int32Array(graph.nodes.length);
    this.#color = this.#walks(graph);
    this.seeds = Float64Array.from(this.#color);
  }

  /** Ranks of labels and all that lies before and behind each node. */
  #walks({ nodes }: LabelledGraph): Float64Array {
    const labels = rankStrings([...nodes]);
    const before = walk(labels, this.#incoming, this.#outgoing);
    const behind = walk(labels, this.#outgoing, this.#incoming);
    return Float64Array.from(rankStrings(nodes.map((_, node) => `${before[node]} ${behind[node]}`)));
  }

  /** Canonical order of nodes that are looked at together; their colours are left as they were. */
  process(members: readonly number[]): Canonical {
    const entry = members.map((node) => this.#color[node]!);
    const colors = this.#refine(members);
    const order = this.#orderRefined(members, colors);
    members.forEach((node, index) => (this.#color[node] = entry[index]!));
    return { order, form: this.#form(order) };
  }

  #orderRefined(members: readonly number[], classes: number): readonly number[] {
    const color = this.#color;
    if (classes === members.length) return [...members].sort((a, b) => color[a]! - color[b]!);
    const components = this.#split(members);
    if (components.length === 1) return this.#singleOut(members);
    // Between components only colours decide, so equal ones may change places.
    const outer = this.#component[members[0]!]!;
    const parts = components.map((nodes): Canonical => {
      if (nodes.length === 1) return { order: nodes, form: '' };
      const inner = ++this.#components;
      for (const node of nodes) this.#component[node] = inner;
      const part = this.process(nodes);
      for (const node of nodes) this.#component[node] = outer;
      return part;
    });
    parts.sort((a, b) => (a.form < b.form ? -1 : a.form > b.form ? 1 : 0));
    const place = new Map<number, number>();
    for (const part of parts) for (const node of part.order) place.set(node, place.size);
    return [...members].sort((a, b) => color[a]! - color[b]! || place.get(a)! - place.get(b)!);
  }

  /** Every node of the smallest class of several in turn made different; the smallest form wins. */
  #singleOut(members: readonly number[]): readonly number[] {
    const sizes = countColors(members, this.#color);
    const [target] = [...sizes].filter(([, size]) => size > 1).sort(([a, sizeA], [b, sizeB]) => sizeA - sizeB || a - b)[0]!;
    let best: Canonical | undefined;
    for (const node of members) {
      if (this.#color[node] !== target) continue;
      this.#color[node] = target - 0.5;
      const found = this.process(members);
      this.#color[node] = target;
      if (best === undefined || found.form < best.form) best = found;
    }
    return best!.order;
  }

  /** Colours of the members refined until no class splits: nodes stay alike only if their neighbours inside are. @returns the number of classes */
  #refine(members: readonly number[]): number {
    const span = this.#color.length + 1;
    const component = this.#component[members[0]!]!;
    let classes = this.#assign(
      members,
      members.map(() => ''),
    );
    while (classes < members.length) {
      const signatures = members.map((node) => {
        this.#spend(1 + this.#incoming[node]!.length + this.#outgoing[node]!.length);
        return `${this.#codes(this.#incoming[node]!, component, span)}|${this.#codes(this.#outgoing[node]!, component, span)}`;
      });
      const split = this.#assign(members, signatures);
      if (split === classes) break;
      classes = split;
    }
    return classes;
  }

  /** Ranks by old colour, then signature. */
  #assign(members: readonly number[], signatures: readonly string[]): number {
    const color = this.#color;
    const order = members.map((_, index) => index);
    order.sort((a, b) => color[members[a]!]! - color[members[b]!]! || (signatures[a]! < signatures[b]! ? -1 : signatures[a]! > signatures[b]! ? 1 : 0));
    const ranks = new Float64Array(members.length);
    let rank = 0;
    order.forEach((index, position) => {
      const previous = order[position - 1];
      if (previous !== undefined && (color[members[previous]!] !== color[members[index]!] || signatures[previous] !== signatures[index])) rank++;
      ranks[index] = rank;
    });
    members.forEach((node, index) => (color[node] = ranks[index]!));
    return rank + 1;
  }

  #codes(arcs: readonly Arc[], component: number, span: number): string {
    const codes: number[] = [];
    for (const { node, label } of arcs) if (this.#component[node] === component) codes.push(label * span + this.#color[node]!);
    return codes.length > 1 ? codes.sort((a, b) => a - b).join() : codes.join();
  }

  /** Groups joined by arcs whose presence colours alone do not tell; nodes alone in their class stand by themselves. */
  #split(members: readonly number[]): readonly (readonly number[])[] {
    const sizes = countColors(members, this.#color);
    const component = this.#component[members[0]!]!;
    const groups = new Groups(members);
    for (const node of members) {
      if (sizes.get(this.#color[node]!) === 1) continue;
      const byColor = new Map<number, Map<number, number[]>>();
      this.#spend(1 + this.#outgoing[node]!.length);
      for (const { node: other, label } of this.#outgoing[node]!) {
        if (this.#component[other] !== component || sizes.get(this.#color[other]!) === 1) continue;
        const targets = getOrAdd(byColor, this.#color[other]!, () => new Map<number, number[]>());
        getOrAdd(targets, other, () => []).push(label);
      }
      for (const [color, targets] of byColor) {
        // Joined to the whole class in the same way: nothing to tell its nodes apart by.
        const ways = new Set([...targets.values()].map((labels) => labels.sort((a, b) => a - b).join()));
        if (targets.size === sizes.get(color) && ways.size === 1) continue;
        for (const other of targets.keys()) groups.join(node, other);
      }
    }
    return groups.list();
  }

  #form(order: readonly number[]): string {
    const component = this.#component[order[0]!]!;
    const rank = new Map(order.map((node, position) => [node, position]));
    const lines: string[] = [];
    for (const node of order) {
      this.#spend(1 + this.#outgoing[node]!.length);
      for (const { node: to, label } of this.#outgoing[node]!) if (this.#component[to] === component) lines.push(`${rank.get(node)} ${rank.get(to)} ${label}`);
    }
    return hash(`${order.map((node) => this.#color[node]).join()};${lines.sort().join()}`);
  }

  #spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new OutOfSteps();
  }
}

/** For each node the rank of its label and everything its arcs lead back to, level by level. */
function walk(labels: readonly number[], arcs: readonly (readonly Arc[])[], opposite: readonly (readonly Arc[])[]): Float64Array {
  const waiting = arcs.map((list) => list.length);
  const rank = new Float64Array(labels.length);
  let level = waiting.flatMap((count, node) => (count === 0 ? [node] : []));
  let offset = 0;
  while (level.length > 0) {
    const ranks = rankStrings(
      level.map((node) => {
        const codes = arcs[node]!.map((arc) => `${arc.label}:${rank[arc.node]}`).sort();
        return `${labels[node]} ${codes.join()}`;
      }),
    );
    level.forEach((node, index) => (rank[node] = offset + ranks[index]!));
    offset += level.length;
    const next: number[] = [];
    for (const node of level) for (const arc of opposite[node]!) if (--waiting[arc.node]! === 0) next.push(arc.node);
    level = next;
  }
  return rank;
}

/** The rank of each string among the distinct ones. */
function rankStrings(texts: readonly string[]): number[] {
  const ranks = new Map([...new Set(texts)].sort().map((text, index) => [text, index]));
  return texts.map((text) => ranks.get(text)!);
}

function countColors(members: readonly number[], color: Float64Array): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const node of members) sizes.set(color[node]!, (sizes.get(color[node]!) ?? 0) + 1);
  return sizes;
}

/** Disjoint sets of nodes. */
class Groups {
  readonly #parent: Map<number, number>;

  constructor(nodes: readonly number[]) {
    this.#parent = new Map(nodes.map((node) => [node, node]));
  }

  #find(node: number): number {
    let root = node;
    while (this.#parent.get(root)! !== root) root = this.#parent.get(root)!;
    for (let at = node; at !== root;) {
      const next = this.#parent.get(at)!;
      this.#parent.set(at, root);
      at = next;
    }
    return root;
  }

  join(a: number, b: number): void {
    this.#parent.set(this.#find(b), this.#find(a));
  }

  list(): readonly (readonly number[])[] {
    const groups = new Map<number, number[]>();
    for (const node of this.#parent.keys()) getOrAdd(groups, this.#find(node), () => []).push(node);
    return [...groups.values()];
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
