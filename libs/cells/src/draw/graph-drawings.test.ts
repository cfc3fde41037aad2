import { GraphBuilder, imageType, profile, type Graph } from '@nat/graph';
import { describe, expect, it } from 'vitest';
import { lower } from '../lower/lower.ts';
import { zooArchitecture } from '../zoo/zoo.ts';
import { writeGraphDot } from './graph-dot.ts';
import { MAX_DRAWN_MODULES, writeGraphSvg } from './graph-svg.ts';

/** A stem of two nodes and a classifier, with two outputs and a name that needs escaping. */
function sample(): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('image', imageType(3, 8, 6));
  const conv = { outChannels: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1, bias: false } as const;
  const stem = builder.node('batch_norm', 'stem.1', { affine: true, epsilon: 1e-5 }, [builder.node('conv', 'stem.0', conv, [x], { module: 'stem' })], {
    module: 'stem',
  });
  const twice = builder.node('sum', '<"twice">', {}, [stem, stem]);
  return builder.finish([
    { name: 'features', value: twice },
    { name: 'stem', value: stem },
  ]);
}

describe('DOT of a network', () => {
  it('has a box a module, with its operators and cost, and the shapes that pass between them', () => {
    expect(writeGraphDot(sample(), { title: 'a "net"' })).toBe(
      [
        'digraph "a \\"net\\"" {',
        '  node [shape=box, style=rounded];',
        '  b0 [label="image", shape=ellipse];',
        '  b1 [label="stem\\nconv 3x3 /2, batch norm\\n116 params, 1,296 MACs"];',
        '  b2 [label="<\\"twice\\">\\nsum"];',
        '  b3 [label="features", shape=ellipse];',
        '  b4 [label="stem", shape=ellipse];',
        '  b0 -> b1 [label="3x8x6"];',
        '  b1 -> b2 [label="4x4x3"];',
        '  b2 -> b3 [label="4x4x3"];',
        '  b1 -> b4 [label="4x4x3"];',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('has every node in its module, where it is not collapsed', () => {
    const dot = writeGraphDot(sample(), { collapse: 'none' });
    expect(dot).toContain(
      '  subgraph cluster_0 {\n    label="stem\\n116 params, 1,296 MACs";\n    v1 [label="stem.0\\nconv 3x3 /2"];\n    v2 [label="stem.1\\nbatch norm"];\n  }',
    );
    expect(dot.match(/ -> /g)).toHaveLength(6);
    const { graph } = lower(zooArchitecture('DARTS'));
    const reads = graph.nodes.reduce((sum, { inputs }) => sum + inputs.length, graph.outputs.length);
    expect(writeGraphDot(graph, { collapse: 'none' }).match(/ -> /g)).toHaveLength(reads);
  });
});

describe('SVG of a network', () => {
  it('has a box a module, escaped, inside the picture', () => {
    const svg = writeGraphSvg(sample(), { title: 'a <net>' });
    expect(svg).toContain('aria-label="a &lt;net&gt;"');
    expect(svg).toContain('&lt;&quot;twice&quot;&gt;');
    expect(svg).toContain('116 params, 1,296 MACs');
    expect(svg.match(/<rect class="(input|module|output)"/g)).toHaveLength(5);
    expect(svg.match(/<path class="edge"/g)).toHaveLength(4);
    expect(svg).not.toMatch(/NaN|undefined|<script|href/);
  });

  it('of DARTS, 1,075 nodes, has all its modules apart from each other', () => {
    const { graph } = lower(zooArchitecture('DARTS'));
    const svg = writeGraphSvg(graph);
    const boxes = [...svg.matchAll(/<rect class="module" x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"/g)].map((match) =>
      match.slice(1).map(Number),
    );
    expect(boxes).toHaveLength(profile(graph).modules.length);
    const overlaps = boxes.filter(([x, y, width, height], at) =>
      boxes
        .slice(at + 1)
        .some(
          ([otherX, otherY, otherWidth, otherHeight]) =>
            x! < otherX! + otherWidth! && otherX! < x! + width! && y! < otherY! + otherHeight! && otherY! < y! + height!,
        ),
    );
    expect(overlaps).toEqual([]);
  });

  it('of more modules than can be laid out is refused', () => {
    const builder = new GraphBuilder();
    let value = builder.input('x', imageType(1, 1));
    for (let at = 0; at <= MAX_DRAWN_MODULES; at++) value = builder.node('activation', `relu.${at}`, { function: 'relu' }, [value]);
    expect(() => writeGraphSvg(builder.finish([{ name: 'y', value }]))).toThrow(/1501 modules/);
  });
});
