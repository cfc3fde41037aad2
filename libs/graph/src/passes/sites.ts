import type { Graph, Value } from '../graph/graph.ts';

/** A part of a graph with one way in and one way out: nodes [first, end), which read `from` and, but for `to`, are read by none outside. */
export interface Region {
  readonly from: Value;
  readonly to: Value;
  readonly nodes: readonly [first: number, end: number];
}

/** What stands, or may stand, in a site: an operation by name, e.g. `sep_conv_3x3`, `skip_connect` or `null`. */
export interface Candidate {
  readonly operation: string;
}

/**
 * What one decision of a policy replaces: regions that all hold the same candidate and change together. A cell's edge is a site with a region at
 * every place where the cell stands.
 */
export interface Site {
  /** Unique in the architecture, e.g. `normal.3`: edge 3 of the cell `normal`. */
  readonly name: string;
  readonly regions: readonly Region[];
  readonly current: Candidate;
}

/** @throws RangeError for a region that has another way in or out: a fault of whoever made the site */
export function checkRegion({ inputs, nodes, outputs }: Graph, { from, to, nodes: [first, end] }: Region): void {
  const inside = (value: Value): boolean => value >= inputs.length + first && value < inputs.length + end;
  if (!inside(to)) throw new RangeError(`value ${to} is not made by nodes ${first} to ${end}`);
  for (const { name, value } of outputs)
    if (inside(value) && value !== to) throw new RangeError(`output ${name} is value ${value}, and its region is left by ${to}`);
  nodes.forEach((node, index) => {
    for (const input of node.inputs) {
      if (index >= first && index < end) {
        if (!inside(input) && input !== from) throw new RangeError(`${node.name} reads value ${input}, and its region is entered by ${from}`);
      } else if (inside(input) && input !== to) throw new RangeError(`${node.name} reads value ${input}, and its region is left by ${to}`);
    }
  });
}
