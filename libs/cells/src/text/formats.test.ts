import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { writeDot } from '../draw/dot.ts';
import { readGenotype, writeGenotype } from './genotype.ts';
import { architectureToJson, readJson, writeJson } from './json.ts';
import { readNasBench201, writeNasBench201 } from './nasbench201.ts';
import { escapeXml, writeSvg } from '../draw/svg.ts';
import { drawTerminal } from '../draw/terminal.ts';
import { formatArchitecture, readArchitecture } from './text.ts';
import { PRIMITIVE_NAMES } from '../primitives/primitives.ts';
import type { Architecture } from '../cell/types.ts';
import { listZoo, zooArchitecture } from '../zoo/zoo.ts';

const darts = zooArchitecture('DARTS');
const named = ({ cells }: Architecture): unknown =>
  cells.map(({ edges, output }) => [edges.map(({ operation, from, to }) => [operation.name, from, to]), output]);

/** The first violation's text, or the message. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return error.violations[0] === undefined ? error.message : `${error.violations[0].field}: ${error.violations[0].description}`;
  }
  return 'accepted';
}

describe('genotype text', () => {
  it('reads what it writes for every published genotype', () => {
    for (const entry of listZoo()) {
      if (entry.kind !== 'published') continue;
      const architecture = entry.architecture();
      const text = writeGenotype(architecture);
      expect({ ...readGenotype(text), name: entry.name }).toEqual(architecture);
      expect(writeGenotype(readGenotype(text))).toBe(text);
    }
  });

  it('reads 2-tuples, ranges, other quotes, white space, comments, a name and a trailing comma', () => {
    const text = `
      DARTS = Genotype(  # from darts/cnn/genotypes.py
        normal=[("sep_conv_3x3", 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],
        normal_concat=range(2, 6),
        reduce=(['max_pool_3x3', 0], ['max_pool_3x3', 1], ['skip_connect', 2], ['max_pool_3x3', 1], ['max_pool_3x3', 0], ['skip_connect', 2], ['skip_connect', 2], ['max_pool_3x3', 1]),
        reduce_concat=list(range(2, 6)),
      )
    `;
    expect(readGenotype(text)).toEqual({ ...darts, name: 'DARTS' });
  });

  const SMALL = "normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 2)], normal_concat=[2, 3]";
  const REDUCE = "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0)], reduce_concat=[2, 3]";
  const small = readGenotype(`Genotype(${SMALL}, ${REDUCE})`);

  it.each([
    ['a line of a training log', `2018-06-27 13:25:46,379 genotype = Genotype(${SMALL}, ${REDUCE})`],
    ['fields that are None', `Genotype(${SMALL}, ${REDUCE}, connectN=None, connects=None)`],
    ['the quotes of a PDF and a byte-order mark', `\uFEFFGenotype(${SMALL.replaceAll("'", '\u2019')}, ${REDUCE.replaceAll("'", '\u201D')})`],
    [
      'other lines of a Python file',
      `from collections import namedtuple\nGenotype = namedtuple('Genotype', 'normal reduce')\n# Genotype(normal=[])\nGenotype(${SMALL}, ${REDUCE})\nPRIMITIVES = []`,
    ],
    [
      'edges by node',
      "Genotype(normal=[[('sep_conv_3x3', 0), ('sep_conv_3x3', 1)], (('skip_connect', 0), ('sep_conv_3x3', 2))], normal_concat=[2, 3], reduce=[[('max_pool_3x3', 0), ('max_pool_3x3', 1)], [('skip_connect', 2), ('max_pool_3x3', 0)]], reduce_concat=[2, 3])",
    ],
    [
      'names of Katib',
      "Best-Genotype=Genotype(normal=[[('separable_convolution_3x3',0),('separable_convolution_3x3',1)],[('skip_connection',0),('separable_convolution_3x3',2)]],normal_concat=range(2,4),reduce=[[('max_pooling_3x3',0),('max_pooling_3x3',1)],[('skip_connection',2),('max_pooling_3x3',0)]],reduce_concat=range(2,4))",
    ],
    ['weights as third entries', `Genotype(${SMALL.replaceAll(/, (\d)\)/g, ', $1, 0.25)')}, ${REDUCE.replaceAll(/, (\d)\)/g, ', $1, 1e-1)')})`],
    [
      'targets before sources',
      "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('skip_connect', 3, 0), ('sep_conv_3x3', 3, 2)], normal_concat=[2, 3], reduce=[('max_pool_3x3', 2, 0), ('max_pool_3x3', 2, 1), ('skip_connect', 3, 2), ('max_pool_3x3', 3, 0)], reduce_concat=[2, 3])",
    ],
  ])('reads %s', (_, text) => {
    expect(readArchitecture(text)).toEqual(small);
  });

  it("reads NNI's export, and names what is missing in it", () => {
    const members = Object.fromEntries(
      small.cells.flatMap(
        ({ name, edges }) =>
        edges.flatMap(({ from, to, operation }, i) => [[`${name}/op_${to}_${i % 2}`, operation.name], [`${name}/input_${to}_${i % 2}`, [from]]]), // prettier-ignore
      ),
    );
    expect(readArchitecture(JSON.stringify(members))).toEqual(small);
    expect(refusal(() => readArchitecture(JSON.stringify({ ...members, 'normal/op_3_0': 'sep_conv_3x4' })))).toContain(
      'the nearest that is known is sep_conv_3x3',
    );
    expect(refusal(() => readArchitecture(JSON.stringify({ ...members, 'normal/input_3_0': undefined })))).toContain('normal/input_3_0 is missing');
  });

  it('reads positions in place of keywords, none for null, and a missing concat as loose ends', () => {
    expect(named(readGenotype("genotypes.Genotype([('none', 0, 2)], [2], [('conv_1x1', 1, 2)], None)"))).toEqual([
      [[['null', 0, 2]], { kind: 'concat', nodes: [2] }],
      [[['conv_1x1', 1, 2]], { kind: 'loose-ends' }],
    ]);
  });

  it.each([
    ['', 'line 1, column 1: expected Genotype(...), but the text ends'],
    ['Genotype(normal=[', 'line 1, column 18: the text ends in the middle'],
    ["Genotype(normal=[('conv_3x3', 0, 2)", "column 36: expected ']', but the text ends"],
    ['Genotipe(normal=[])', 'column 1: expected Genotype(...), found "Genotipe"'],
    ["Genotype(normal=[('conv_3x3', 0, 2)],\n  middle=[])", 'line 2, column 3: unknown field "middle"'],
    ["Genotype(normal=[('conv_3x3', 0, 2)]) extra", 'column 39: unexpected "extra"'],
    ['Genotype(normal=[$])', 'column 18: unexpected character "$"'],
    ["Genotype(normal=[('conv_9x9', 0, 2)], reduce=[])", 'genotype.normal[0]: unknown operation "conv_9x9": the nearest that is known is conv_1x1'],
    ["Genotype(normal=[('conv_3x3', 0)], reduce=[('conv_3x3', 0, 2)], normal=[])", 'normal is given twice'],
    [
      "Genotype(normal=[('conv_3x3', 0), ('conv_3x3', 0, 2)], reduce=[])",
      "genotype.normal[1]: expected ('operation', from, to), or ('operation', from) two a node, as the first edge",
    ],
    ["Genotype(normal=[('conv_3x3', 'a', 2)], reduce=[])", 'nodes are numbers'],
    ["Genotype(normal=[('conv_3x3', 0, 2)])", 'genotype.reduce: a list of edges is needed'],
    ["Genotype(normal=[('conv_3x3', 3, 2)], reduce=[('conv_3x3', 0, 2)])", 'genotype.cells[0].edges[0].from'],
    ["Genotype(normal=[('conv_3x3', 1.5, 2)], reduce=[('conv_3x3', 0, 2)])", '1.5 is not a node'],
    ["Genotype(normal=[('conv_3x3', 0, 2)], normal_concat=range(0, 1000000000), reduce=[])", 'this range is too long'],
    [`Genotype(normal=${'['.repeat(5000)}`, 'nested too deeply'],
    ["Genotype(normal=[('conv_3x3', 0, 1e5)], reduce=[('conv_3x3', 0, 2)])", '100000 is not a node'],
    ['A = Genotype(normal=[], reduce=[])\nB = Genotype(normal=[], reduce=[])', 'holds 2 genotypes (A, B): give the text of one'],
    ["Genotype(normal=[[('conv_3x3', 0)], 3], reduce=[])", 'genotype.normal[1]: expected the edges of a node'],
  ])('refuses %j precisely', (text, message) => {
    expect(refusal(() => readGenotype(text))).toContain(message);
  });

  it('does not write what the text cannot say', () => {
    expect(refusal(() => writeGenotype(zooArchitecture('vgg16')))).toMatch(/repeated skeleton/);
  });
});

describe('NAS-Bench-201 strings', () => {
  const text = '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|';

  it.each([`${text}\ndatasets : [cifar10-valid], extra-info : arch-index=1`, `Structure(4 nodes with ${text})`])('reads what its programs print', (printed) => {
    expect(readArchitecture(printed)).toEqual(readNasBench201(text));
  });

  it('reads and writes the benchmark form', () => {
    const architecture = readNasBench201(`  ${text}\n`);
    expect(writeNasBench201(architecture)).toBe(text);
    expect(architecture.cells[0]!.edges.map(({ from, to, operation }) => `${operation.name} ${from} ${to}`)).toEqual([
      'conv_3x3 0 1',
      'null 0 2',
      'skip_connect 1 2',
      'avg_pool_3x3 0 3',
      'null 1 3',
      'conv_1x1 2 3',
    ]);
    const [cell] = architecture.cells;
    expect(writeNasBench201({ ...architecture, cells: [{ ...cell!, edges: cell!.edges.toReversed() }] })).toBe(text);
  });

  it.each([
    ['|none~0|+|none~0|none~1|', '2 groups'],
    [text.replace('none~1|nor', 'none~2|nor'), 'group 3: operation 2 must end with ~1'],
    [text.replace('none~0', 'conv_3x3~0'), 'group 2: unknown operation "conv_3x3"'],
    [text.replace('|none~0|skip', '|skip'), 'group 2 must hold 2'],
    [text.replace('~0|+', '~0~0|+'), 'must end with ~0'],
  ])('refuses %s', (bad, message) => {
    expect(refusal(() => readNasBench201(bad))).toContain(message);
  });
});

describe('JSON', () => {
  it('reads what it writes for the whole zoo', () => {
    for (const entry of listZoo()) expect(readJson(writeJson(entry.architecture(), 2)), entry.name).toEqual(entry.architecture());
  });

  it('writes plain operations as their names', () => {
    expect(JSON.stringify(architectureToJson(darts))).toContain('{"from":0,"to":2,"operation":"sep_conv_3x3"}');
  });

  it.each([
    [(value: Record<string, unknown>) => (value['version'] = 2), 'architecture.version'],
    [(value: Record<string, unknown>) => delete value['cells'], 'architecture.cells'],
    [(value: Record<string, unknown>) => (value['extra'] = 1), 'extra'],
    [(value: Record<string, unknown>) => (value['cells'] = [{}]), 'architecture.cells[0].name'],
    [(value: Record<string, unknown>) => (value['skeleton'] = { kind: 'explicit' }), 'architecture.skeleton.stem'],
  ])('names the field that is wrong (%#)', (spoil, field) => {
    const value = architectureToJson(darts);
    spoil(value);
    expect(refusal(() => readJson(JSON.stringify(value)))).toContain(field);
  });

  it('refuses text that is not JSON, NaN and Infinity', () => {
    expect(refusal(() => readJson('{'))).toContain('architecture: ');
    expect(refusal(() => readJson(writeJson(darts).replace('"from":0', '"from":NaN')))).toMatch(/NaN|JSON/);
    expect(refusal(() => readJson(writeJson(darts).replace('"from":0', '"from":1e999')))).toContain('cells[0].edges[0].from');
  });
});

describe('drawings', () => {
  const result = zooArchitecture('NAT_DARTS');
  const replaced = [
    { cell: 0, edge: 2, before: 'sep_conv_3x3', after: 'skip_connect' },
    { cell: 1, edge: 5, before: 'skip_connect', after: 'null' },
  ] as const;

  it('draw every edge and mark what was replaced', () => {
    const svg = writeSvg(result, { replaced });
    expect(svg.match(/<path class="edge/g)).toHaveLength(16 + 8);
    expect(svg).toContain('sep_conv_3x3 → skip_connect');
    expect(svg).not.toMatch(/NaN|undefined|<script|href/);
    const dot = writeDot(result, { replaced });
    expect(dot.match(/->/g)).toHaveLength(16 + 8 + 2);
    expect(dot).toContain('c0_0 -> c0_3 [label="sep_conv_3x3 -> skip_connect", color="#c2410c"');
  });

  it('escape names', () => {
    const nasty = { ...darts, name: `<img src=x onerror="a('&')">]]>\\"` };
    expect(writeSvg(nasty)).toContain('&lt;img src=x onerror=&quot;a(&#39;&amp;&#39;)&quot;&gt;]]&gt;');
    expect(writeSvg(nasty)).not.toContain('<img');
    expect(writeDot(nasty)).toContain('digraph "<img src=x onerror=\\"a(\'&\')\\">]]>\\\\\\"" {');
    expect(escapeXml('a\u0000b\ud800c')).toBe('abc');
  });

  it('do not lay out cells that nobody could read', () => {
    const edges = Array.from({ length: 4096 }, (_, index) => ({ from: index, to: index + 1, operation: { kind: 'primitive', name: 'null' } as const }));
    const huge: Architecture = { cells: [{ name: 'cell', inputs: 1, nodes: 4097, edges, output: { kind: 'last' } }], skeleton: { kind: 'nasbench201' } };
    expect(writeSvg(huge)).toContain('4096 edges: more than 256 are not drawn');
    expect(drawTerminal(huge)).toContain('... and 4032 more edges');
  });

  it('fit a terminal', () => {
    expect(drawTerminal(result, { replaced })).toBe(
      [
        'normal -> 2 + 3 + 4 + 5',
        '  2 = sep_conv_3x3(c_{k-2}) + sep_conv_3x3(c_{k-1})',
        '  3 = *sep_conv_3x3>skip_connect(c_{k-2}) + sep_conv_3x3(c_{k-1})',
        '  4 = skip_connect(c_{k-1}) + skip_connect(c_{k-2})',
        '  5 = skip_connect(c_{k-2}) + dil_conv_3x3(2)',
        'reduce -> 2 + 3 + 4 + 5',
        '  2 = max_pool_3x3(c_{k-2}) + skip_connect(c_{k-1})',
        '  3 = skip_connect(2) + skip_connect(c_{k-1})',
        '  4 = max_pool_3x3(c_{k-2}) + *skip_connect>null(2)',
        '  5 = skip_connect(2) + max_pool_3x3(c_{k-1})',
      ].join('\n'),
    );
    expect(drawTerminal(result, { replaced, color: true })).toContain('\u001b[31m*sep_conv_3x3>\u001b[0m\u001b[33mskip_connect\u001b[0m(c_{k-2})');
    expect(drawTerminal(zooArchitecture('resnet56'), { maxCells: 2 })).toContain('... and 25 more cells');
  });
});

describe('readArchitecture', () => {
  it('tells the formats apart and reads what formatArchitecture writes', () => {
    for (const name of ['DARTS', 'resnet20', 'mobilenet_v2']) {
      const architecture = zooArchitecture(name);
      expect(named(readArchitecture(formatArchitecture(architecture).text))).toEqual(named(architecture));
    }
    expect(formatArchitecture(zooArchitecture('vgg16')).format).toBe('json');
    expect(readArchitecture('darts')).toEqual(darts);
    expect(refusal(() => readArchitecture('  '))).toContain('empty');
    expect(refusal(() => readArchitecture('nope'))).toContain('no architecture is named');
  });

  it('knows every primitive in a genotype at a place where it may stand', () => {
    for (const name of PRIMITIVE_NAMES) {
      const text = `Genotype(normal=[('null', 0, 2)], normal_concat=[2], reduce=[('${name}', 0, 2)], reduce_concat=[2])`;
      expect(writeGenotype(readArchitecture(text))).toBe(text);
    }
  });
});
