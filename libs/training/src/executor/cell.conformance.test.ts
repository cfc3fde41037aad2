import {
  lowerRepeatedCell,
  officialSpace,
  type Architecture,
  type OfficialRepository,
  type OperationType,
  type RepeatedCellOptions,
  type TensorShape,
} from '@nat/cells';
import { loadTensorflow, type Tensor4D } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import { compile, type Executable } from './compile.ts';
import { droppableValues } from './network.ts';
import {
  architectureOf,
  differentiate,
  expectParameters,
  expectSummary,
  expectTensor,
  fill,
  fillImages,
  fillParameters,
  hostImages,
  isTensor,
  readGolden,
  type FillSpec,
  type GoldenEdge,
  type GoldenTensor,
  type ParameterFill,
  type Summary,
} from '../testing/golden-vectors.ts';
import type { DropPath } from './pass.ts';
import { Weights } from './weights.ts';

const tf = loadTensorflow();

interface CellCase {
  readonly kind: string;
  readonly C_prev_prev: number;
  readonly C_prev: number;
  readonly C: number;
  readonly reduction: boolean;
  readonly reduction_prev: boolean;
  readonly params: readonly ParameterFill[];
}
interface Run {
  readonly s0: FillSpec;
  readonly s1: FillSpec;
  readonly output: GoldenTensor;
  readonly grad_output: FillSpec;
  readonly loss: number;
  readonly grad_s0: GoldenTensor | Summary;
  readonly grad_s1: GoldenTensor | Summary;
  readonly grads: Readonly<Record<string, Summary>>;
}
interface EvaluationCase extends CellCase, Run {
  readonly genotype: string;
  readonly label: string;
}
interface DropPathCase extends CellCase {
  readonly genotype: string;
  readonly label: string;
  readonly keep_prob: number;
  readonly masked_edges: readonly number[];
  readonly masks: readonly (readonly number[])[];
  readonly s0: FillSpec;
  readonly s1: FillSpec;
  readonly output: GoldenTensor;
}
interface SupernetCase extends CellCase {
  readonly repo: OfficialRepository;
  readonly op_type: OperationType;
  readonly loose_end: boolean;
  readonly concat: readonly number[] | null;
  readonly runs: readonly (Run & { readonly name: string; readonly arch: readonly GoldenEdge[]; readonly kept_nodes: readonly number[] })[];
}

interface Genotype {
  readonly normal: readonly GoldenEdge[];
  readonly reduce: readonly GoldenEdge[];
  readonly normal_concat: readonly number[];
  readonly reduce_concat: readonly number[];
}
const { genotypes } = readGolden('transform_nat.json') as { genotypes: Readonly<Record<string, Genotype>> };
const { cases } = readGolden('cells.json') as { cases: readonly CellCase[] };

/** The cell of a case, compiled. Its modules are named `cells.0.*`. */
function compileCell(
  one: CellCase & { readonly s0: FillSpec; readonly s1: FillSpec },
  architecture: Architecture,
  options: Pick<RepeatedCellOptions, 'affine' | 'outputNodes' | 'zeroedNodes' | 'sharedOperations'>,
): Executable {
  const shapeOf = ({ shape: [, channels, height, width] }: FillSpec): TensorShape => ({ channels: channels!, height: height!, width: width! });
  const lowered = lowerRepeatedCell(architecture.cells[one.reduction ? 1 : 0]!, {
    channels: one.C,
    reads: [shapeOf(one.s0), shapeOf(one.s1)],
    reduction: one.reduction,
    afterReduction: one.reduction_prev,
    ...options,
  });
  return compile(lowered.graph, { types: lowered.types, droppable: droppableValues(lowered) });
}

function evaluationCell(one: CellCase & { readonly genotype: string; readonly s0: FillSpec; readonly s1: FillSpec }): Executable {
  const genotype = genotypes[one.genotype]!;
  return compileCell(one, architectureOf(genotype, { normalConcat: genotype.normal_concat, reduceConcat: genotype.reduce_concat }), { affine: true });
}

function expectRun(cell: Executable, weights: Weights, run: Run): void {
  tf.tidy(() => {
    const outputGradient = fillImages(tf, run.grad_output);
    let output: Tensor4D | undefined;
    const { value, inputGradients, gradients } = differentiate(tf, weights, cell.parameters, [fillImages(tf, run.s0), fillImages(tf, run.s1)], (...inputs) => {
      output = tf.keep(cell.run({ tf, weights, mode: 'train' }, inputs)[0]! as Tensor4D);
      return tf.sum(tf.mul(output, outputGradient));
    });
    expectTensor(hostImages(output!), run.output, 'output');
    output!.dispose();
    const scale = fill(run.grad_output).data.reduce((sum, g) => sum + Math.abs(g), 0);
    expect(Math.abs(value - run.loss), 'loss').toBeLessThanOrEqual(1e-4 * scale);
    [run.grad_s0, run.grad_s1].forEach((expected, i) => {
      if (isTensor(expected)) expectTensor(inputGradients[i]!, expected, `grad_s${i}`);
      else expectSummary(inputGradients[i]!, expected, `grad_s${i}`);
    });
    for (const [name, expected] of Object.entries(run.grads)) expectSummary(gradients.get(`cells.0.${name}`)!, expected, name);
  });
}

const described = (one: CellCase): string => `reduction ${one.reduction}, after one ${one.reduction_prev}`;

it('knows every kind of case', () => {
  expect(cases.map(({ kind }) => kind).filter((kind) => !['eval', 'eval_drop_path', 'supernet'].includes(kind))).toEqual([]);
});

describe('evaluation cells', () => {
  it.each(cases.filter(({ kind }) => kind === 'eval').map((one) => one as EvaluationCase))('$genotype, $label', (one) => {
    const before = tf.memory().numTensors;
    const cell = evaluationCell(one);
    expectParameters(cell.parameters, one.params, 'cells.0.');
    const weights = new Weights(tf, 0);
    weights.restore(fillParameters(one.params, 'cells.0.'));
    expectRun(cell, weights, one);
    weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('drop path', () => {
  it.each(cases.filter(({ kind }) => kind === 'eval_drop_path').map((one) => one as DropPathCase))('$genotype, $label', (one) => {
    const cell = evaluationCell(one);
    const weights = new Weights(tf, 0);
    weights.restore(fillParameters(one.params, 'cells.0.'));
    tf.tidy(() => {
      const asked: number[] = [];
      const dropPath: DropPath = {
        keep: one.keep_prob,
        mask: (edge) => {
          asked.push(edge);
          return tf.tensor1d([...one.masks[one.masked_edges.indexOf(edge)]!]);
        },
      };
      const [output] = cell.run({ tf, weights, mode: 'train', dropPath }, [fillImages(tf, one.s0), fillImages(tf, one.s1)]);
      expectTensor(hostImages(output!), one.output, 'output');
      const edges = genotypes[one.genotype]![one.reduction ? 'reduce' : 'normal'];
      expect(asked).toEqual(one.masked_edges.filter((edge) => edges[edge]![0] !== 'null'));
    });
    weights.dispose();
  });
});

describe('supernet cells', () => {
  const runs = cases
    .filter(({ kind }) => kind === 'supernet')
    .flatMap((one) => (one as SupernetCase).runs.map((run) => ({ one: one as SupernetCase, run, title: described(one) })));
  it.each(runs)('$one.repo $one.op_type, $title, concat $one.concat: $run.name', ({ one, run }) => {
    const { primitives } = officialSpace(one.repo, one.op_type);
    const architecture = architectureOf({ normal: run.arch, reduce: run.arch }, { primitives, looseEnds: one.loose_end });
    const { edges, nodes: count } = architecture.cells[0]!;
    const own = Array.from({ length: count - 2 }, (_, i) => i + 2);
    const zeroedNodes = own.filter((node) => !run.kept_nodes.includes(node));
    // A case with a concat list of its own multiplies the other nodes by 0; the others, where only loose ends count, those that some edge leaves.
    if (one.concat === null) expect(zeroedNodes).toEqual(own.filter((node) => one.loose_end && edges.some(({ from }) => from === node)));
    const cell = compileCell({ ...one, ...run }, architecture, { affine: false, outputNodes: own, zeroedNodes, sharedOperations: primitives });
    const known = new Map(one.params.map(([name, shape]) => [`cells.0.${name}`, shape]));
    for (const { name, shape } of cell.parameters) expect(known.get(name), name).toEqual(shape);
    const weights = new Weights(tf, 0);
    weights.restore(fillParameters(one.params, 'cells.0.'));
    expectRun(cell, weights, run);
    weights.dispose();
  });
});
