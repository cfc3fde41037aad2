/** Edge indices in the order they run: node by node, presented order within a node. */
export function runningOrder(cell: { readonly edges: readonly { readonly to: number }[] }): readonly number[] {
  const order = cell.edges.map((_, index) => index);
  // Stable, so edges of one node stay in presented order.
  return order.sort((a, b) => cell.edges[a]!.to - cell.edges[b]!.to);
}
