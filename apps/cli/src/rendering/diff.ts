import { operationLabel, type ArchitectureDiff, type CellDiff } from '@nat/cells';

/** One line a difference. */
export function describeDiff({ cells, skeletonChanged }: ArchitectureDiff): string {
  const lines = [...(skeletonChanged ? ['the skeletons differ'] : []), ...cells.flatMap(describeCell)];
  return lines.length === 0 ? 'no difference' : lines.join('\n');
}

function describeCell({ name, status, replaced, added, removed, outputChanged }: CellDiff): readonly string[] {
  if (status === 'added' || status === 'removed') return [`${name}: the cell is ${status}`];
  return [
    ...replaced.map(({ edge, from, to, before, after }) => `${name}  edge ${edge}  ${from}->${to}  ${operationLabel(before)} -> ${operationLabel(after)}`),
    ...removed.map(({ edge, from, to, operation }) => `${name}  edge ${edge}  ${from}->${to}  - ${operationLabel(operation)}`),
    ...added.map(({ edge, from, to, operation }) => `${name}  edge ${edge}  ${from}->${to}  + ${operationLabel(operation)}`),
    ...(outputChanged ? [`${name}  the output differs`] : []),
  ];
}
