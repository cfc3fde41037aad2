import { stripVTControlCharacters } from 'node:util';
import { drawTerminal } from '@nat/cells';
import type { architecture as architectureWire, transform as wire } from '@nat/contracts';
import { architectureFromSpec, editsFromWire } from '@nat/convert';
import { table, type Terminal } from '@nat/console';

const MAX_LISTED_EDGES = 24;

/** Source and result side by side, what was replaced, what it saves, and the certificate. */
export function describeTransform(response: wire.TransformArchitectureResponse, terminal: Pick<Terminal, 'color'>): readonly string[] {
  const source = response.source!;
  const name = source.displayName === '' ? source.identity.slice(0, 12) : source.displayName;
  const lines = [`${name}  (policy ${response.policyVersion.split('/').slice(3).join('/')})`, ...describeKnowledge(response)];
  for (const [index, result] of response.results.entries()) {
    if (response.results.length > 1) lines.push('', `result ${index + 1} of ${response.results.length}, log-probability ${result.logProb.toFixed(3)}`);
    lines.push('', ...sideBySide(source, result, terminal.color), '', ...describeEdits(result), '', ...describeCost(result));
  }
  return lines;
}

/** What the policy knows of networks like this one. */
function describeKnowledge({ policySpace, learnedHere }: wire.TransformArchitectureResponse): readonly string[] {
  if (learnedHere) return [`learned on ${policySpace}`];
  const where = policySpace === '' ? 'where it was learned is not known' : `learned on ${policySpace}, not on networks like this one`;
  return [`${where}: how accurate the result is has to be measured`];
}

function sideBySide(source: wire.TransformedSource, result: wire.TransformResult, color: boolean): readonly string[] {
  const before = architectureFromSpec(source.spec!, 'source.spec');
  const after = architectureFromSpec(result.spec!, 'result.spec');
  const replaced = editsFromWire(result.edges);
  const changedCells = new Set(replaced.map(({ cell }) => cell));
  // Whole networks have many cells: those that stayed as they were are not worth the lines.
  const only = before.cells.length > 4 ? (index: number): boolean => changedCells.has(index) : (): boolean => true;
  const left: string[] = [];
  const right: string[] = [];
  before.cells.forEach((cell, index) => {
    if (!only(index)) return;
    const one = { ...before, cells: [cell] };
    const other = { ...after, cells: [after.cells[index]!] };
    left.push(...drawTerminal(one, { color }).split('\n'));
    right.push(...drawTerminal(other, { color, replaced: replaced.filter((edit) => edit.cell === index).map((edit) => ({ ...edit, cell: 0 })) }).split('\n'));
  });
  const hidden = before.cells.length - (before.cells.length > 4 ? changedCells.size : before.cells.length);
  const width = Math.max(0, ...left.map((line) => stripVTControlCharacters(line).length));
  const rows = left.map((line, index) => `${line}${' '.repeat(width - stripVTControlCharacters(line).length)}  |  ${right[index] ?? ''}`.trimEnd());
  return hidden > 0 ? [...rows, `(${hidden} more cells stay as they are)`] : rows;
}

function describeEdits(result: wire.TransformResult): readonly string[] {
  const edits = result.edges.filter(({ before, after }) => before !== after);
  if (edits.length === 0) return [`nothing is replaced: the policy keeps all ${result.edges.length} edges`];
  const shown = edits.slice(0, MAX_LISTED_EDGES);
  return [
    `${edits.length} of ${result.edges.length} edges replaced`,
    ...table(
      ['cell', 'edge', 'before', 'after', 'probability', 'params saved', 'MACs saved'],
      shown.map((edge) => [
        edge.cell,
        `${edge.from}->${edge.to}`,
        edge.before,
        edge.after,
        edge.probability.toFixed(3),
        edge.savedParams.toLocaleString('en'),
        edge.savedMacs.toLocaleString('en'),
      ]),
      ['probability', 'params saved', 'MACs saved'],
    ).split('\n'),
    ...(edits.length > shown.length ? [`... and ${edits.length - shown.length} more`] : []),
  ];
}

function describeCost({ certificate }: wire.TransformResult): readonly string[] {
  const { source, result, holds, violations } = certificate!;
  const row = (what: string, before: number, after: number): readonly string[] => [
    what,
    before.toLocaleString('en'),
    after.toLocaleString('en'),
    before === 0 ? '' : `${((100 * (after - before)) / before).toFixed(1)} %`,
  ];
  const cost = (side: architectureWire.Cost | undefined): architectureWire.Cost => side ?? { params: 0, macs: 0, peakActivationBytes: 0 };
  return [
    ...table(
      ['', 'source', 'result', 'change'],
      [
        row('params', cost(source).params, cost(result).params),
        row('MACs', cost(source).macs, cost(result).macs),
        row('peak bytes', cost(source).peakActivationBytes, cost(result).peakActivationBytes),
      ],
      ['source', 'result', 'change'],
    ).split('\n'),
    holds ? 'certificate holds: the result costs no more than its source' : `certificate does NOT hold: ${violations.join('; ')}`,
  ];
}
