/** Reads the golden vectors of the official code; for tests only. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { officialSpace, primitive, type Architecture, type Cell, type OfficialRepository, type OperationType, type PrimitiveName } from '@nat/cells';
import type { HostTensor } from '@nat/tensor';
import { expect } from 'vitest';
import { z } from 'zod';
import type { GcnConfig } from '../policy/networks/gcn.ts';

export const goldenDirectory = process.env['NAT_GOLDEN_DIR'] ?? join(import.meta.dirname, '../../../../fixtures/golden');

/** Parses one file; a field that the schema does not know is a failure. */
export function readGolden<T>(file: string, schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(readFileSync(join(goldenDirectory, file), 'utf8')));
}

export const tensorSchema = z.strictObject({ shape: z.array(z.number()), data: z.array(z.number()) });
export type GoldenTensor = z.infer<typeof tensorSchema>;
/** [operation, from, to], operations by their index in the official list. */
export const archSchema = z.array(z.tuple([z.number(), z.number(), z.number()]));
export const namedArchSchema = z.array(z.tuple([z.string(), z.number(), z.number()]));
export type GoldenArch = z.infer<typeof archSchema>;
export const repositorySchema = z.enum(['NAT', 'NATv2']);
export const operationTypeSchema = z.enum(['FULLY_CONCAT_PRIMITIVES', 'LOOSE_END_PRIMITIVES']);
export const summarySchema = z.strictObject({ sum: z.number(), l2: z.number(), dot: z.number() });
export type Summary = z.infer<typeof summarySchema>;
export const configSchema = z.strictObject({ edge_hid: z.number(), nfeat: z.number(), gcn_hid: z.number() });
export const paramListSchema = z.array(z.tuple([z.string(), z.array(z.number()), z.number(), z.number(), z.number()]));

/** The closed-form values of the vectors: see the README beside them. */
export function fill(size: number, seed: number, scale: number, offset: number): Float32Array {
  const values = new Float32Array(size);
  for (let k = 0; k < size; k++) {
    let x = (Math.imul(k + 1, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) | 0;
    x ^= x >>> 15;
    x = Math.imul(x, 0x2c1b3c6d);
    x ^= x >>> 12;
    x = Math.imul(x, 0x297a2d39);
    x ^= x >>> 15;
    values[k] = offset + scale * (2 * ((x >>> 8) / 2 ** 24) - 1);
  }
  return values;
}

/** Parameters as a golden set gives them: in full, or by `fill`. */
export function goldenParameters({
  params,
  param_list: list,
}: {
  params?: Record<string, GoldenTensor> | undefined;
  param_list?: z.infer<typeof paramListSchema> | undefined;
}): Map<string, HostTensor> {
  if (params !== undefined) return new Map(Object.entries(params).map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]));
  return new Map(list!.map(([name, shape, seed, scale, offset]) => [name, { shape, data: fill(shape.reduce((a, b) => a * b, 1), seed, scale, offset) }])); // prettier-ignore
}

/** The official network of a set's size. */
export function goldenConfig(
  repository: OfficialRepository,
  operationType: OperationType,
  { edge_hid, nfeat, gcn_hid }: z.infer<typeof configSchema>,
): GcnConfig {
  const { primitives } = officialSpace(repository, operationType);
  return { encoder: 'pair', scheme: repository === 'NAT' ? 'nat' : 'nat++', primitives, embedding: edge_hid, features: nfeat, hidden: gcn_hid };
}

/** A cell of the official form: two inputs, its nodes concatenated. */
export function goldenCell(name: string, arch: GoldenArch, primitives: readonly PrimitiveName[]): Cell {
  const nodes = 2 + arch.length / 2;
  return {
    name,
    inputs: 2,
    nodes,
    edges: arch.map(([operation, from, to]) => ({ from, to, operation: primitive(primitives[operation]!) })),
    output: { kind: 'concat', nodes: Array.from({ length: nodes - 2 }, (_, i) => i + 2) },
  };
}

/** One official cell as an architecture of its own. */
export function singleCell(cell: Cell): Architecture {
  return {
    cells: [cell],
    skeleton: {
      kind: 'explicit',
      stem: { channels: 16, kernel: 3, stride: 1, activation: 'none' },
      placements: [{ cell: cell.name, reads: [-1, -1] }],
      head: { activation: 'none' },
      imageSize: 32,
      classes: 10,
    },
  };
}

/** |a - b| <= 2e-5 max|b|, the README's tolerance for tensors. */
export function expectTensor(actual: ArrayLike<number>, expected: GoldenTensor, what: string): void {
  expect(actual.length, `${what}: size`).toBe(expected.data.length);
  const largest = expected.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  let worst = 0;
  expected.data.forEach((value, i) => {
    const error = Math.abs(actual[i]! - value);
    worst = error <= worst ? worst : error; // a NaN stays
  });
  expect(worst, `${what}: largest error`).toBeLessThanOrEqual(2e-5 * largest);
}

/** 1e-4 max(|b|, 1e-2), the README's tolerance for scalars. */
export function expectScalar(actual: number, expected: number, what: string): void {
  expect(Math.abs(actual - expected), `${what}: ${actual} against ${expected}`).toBeLessThanOrEqual(1e-4 * Math.max(Math.abs(expected), 1e-2));
}

/** 5e-4 l2, the README's tolerance for summaries of gradients. */
export function expectSummary(actual: ArrayLike<number>, expected: Summary, what: string): void {
  const probe = fill(actual.length, 4242, 1, 0);
  let sum = 0;
  let squares = 0;
  let dot = 0;
  for (let i = 0; i < actual.length; i++) {
    sum += actual[i]!;
    squares += actual[i]! * actual[i]!;
    dot += actual[i]! * probe[i]!;
  }
  for (const [name, value, wanted] of [
    ['sum', sum, expected.sum],
    ['l2', Math.sqrt(squares), expected.l2],
    ['dot', dot, expected.dot],
  ] as const) {
    // prettier-ignore
    expect(Math.abs(value - wanted), `${what}: ${name}`).toBeLessThanOrEqual(5e-4 * expected.l2);
  }
}
