/** Every number of the golden cost vectors, and of NAS-Bench-201's table where the data directory holds it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { architectureCost, auxiliaryCost } from './cost.ts';
import { readNasBench201 } from '../text/nasbench201.ts';
import { isPrimitiveName, operationAt, operationCost, primitiveInfo, type OperationCost } from '../primitives/operations.ts';
import { lower } from '../lower/lower.ts';
import { officialSpace, supernetArchitecture } from '../zoo/official-spaces.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';
import { imageShape } from '@nat/graph';
import { findZooEntry } from '../zoo/zoo.ts';

const directory = process.env['NAT_GOLDEN_DIR'] ?? join(import.meta.dirname, '../../../../fixtures/golden');
const count = z.number().int().nonnegative();
const repo = z.enum(['NAT', 'NATv2']);
const operationType = z.enum(['FULLY_CONCAT_PRIMITIVES', 'LOOSE_END_PRIMITIVES']);
const primitiveName = z.custom<PrimitiveName>((name) => isPrimitiveName(name));
/** Strict objects: a field or section that this suite does not know is a failure. */
const golden = z
  .strictObject({
    part: z.literal('F cost'),
    note: z.string(),
    evaluation_network: z.array(
      z.strictObject({
        repo,
        genotype: z.string(),
        C: count,
        layers: count,
        n_params: count,
        params_MB: z.number(),
        n_params_with_aux: count,
        params_MB_with_aux: z.number(),
        macs: count,
        official_compute_flops_conv_only: count,
      }),
    ),
    imagenet_network: z.array(
      z.strictObject({ repo, genotype: z.string(), C: count, layers: count, size: count, classes: count, n_params: count, macs: count }),
    ),
    supernet: z.array(
      z.strictObject({
        repo,
        op_type: operationType,
        steps: count,
        C: count,
        layers: count,
        n_params: count,
        params_MB: z.number(),
        archs: z.array(z.strictObject({ genotype: z.string(), active_params: count, macs: count })),
      }),
    ),
    operations: z.array(
      z.strictObject({
        op: primitiveName,
        C: count,
        H: count,
        stride: z.union([z.literal(1), z.literal(2)]),
        out_H: count,
        n_params: count,
        n_params_without_bn: count,
        macs: count,
      }),
    ),
    figure_natv2_transition: z.strictObject({ note: z.string(), madds_M: z.record(z.string(), z.number()), params_K: z.record(z.string(), z.number()) }),
  })
  .parse(JSON.parse(readFileSync(join(directory, 'cost.json'), 'utf8')));

/** The zoo's architecture of that name, which must come from that repository. */
function published(repository: 'NAT' | 'NATv2', genotype: string): ReturnType<NonNullable<ReturnType<typeof findZooEntry>>['architecture']> {
  const entry = findZooEntry(genotype);
  if (!entry?.repositories.includes(repository)) throw new Error(`${repository} publishes no ${genotype}`);
  return entry.architecture();
}

describe('golden costs', () => {
  it.each(golden.evaluation_network)('evaluation network $repo $genotype C=$C layers=$layers', (row) => {
    const options = { network: 'evaluation', channels: row.C, layers: row.layers } as const;
    const architecture = published(row.repo, row.genotype);
    const cost = architectureCost(architecture, options);
    expect(cost).toMatchObject({ params: row.n_params, macs: row.macs });
    expect(cost.params / 1e6).toBe(row.params_MB);
    const withAuxiliary = cost.params + (auxiliaryCost(architecture, options)?.params ?? NaN);
    expect(withAuxiliary).toBe(row.n_params_with_aux);
    expect(withAuxiliary / 1e6).toBe(row.params_MB_with_aux);
    const { blocks, types, placement } = lower(architecture, options);
    const [features] = imageShape(types[blocks.at(-1)!.output]!);
    expect(cost.macs - features * placement.classes).toBe(row.official_compute_flops_conv_only);
  });

  it.each(golden.imagenet_network)('ImageNet network $repo $genotype C=$C layers=$layers', (row) => {
    const cost = architectureCost(published(row.repo, row.genotype), {
      network: 'imagenet',
      channels: row.C,
      layers: row.layers,
      imageSize: row.size,
      classes: row.classes,
    });
    expect(cost).toMatchObject({ params: row.n_params, macs: row.macs });
  });

  describe.each(golden.supernet)('supernet $repo $op_type C=$C layers=$layers', (row) => {
    const options = { network: 'supernet', channels: row.C, layers: row.layers } as const;
    const space = officialSpace(row.repo, row.op_type);

    it('has all its parameters', () => {
      expect(space.steps).toBe(row.steps);
      const { params } = architectureCost(supernetArchitecture(space), options);
      expect(params).toBe(row.n_params);
      expect(params / 1e6).toBe(row.params_MB);
    });

    it.each(row.archs)('uses for $genotype', ({ genotype, active_params, macs }) => {
      expect(architectureCost(published(row.repo, genotype), options)).toMatchObject({ params: active_params, macs });
    });
  });

  it.each(golden.operations)('operation $op C=$C H=$H stride=$stride', (row) => {
    const shape = { inChannels: row.C, outChannels: row.C, stride: row.stride, height: row.H, width: row.H };
    // An operation that fits gives ceil(size / stride); the 2x2 pools of odd sizes alone do not.
    expect(operationAt(row.op, shape).fits).toBe(Math.ceil(row.H / row.stride) === row.out_H);
    expect(operationCost(row.op, shape)).toEqual({ params: row.n_params, macs: row.macs });
    expect(operationCost(row.op, shape, 'plain')).toEqual({ params: row.n_params_without_bn, macs: row.macs });
  });

  it("agrees with NATv2's transition figure under its own convention", () => {
    const { madds_M, params_K } = golden.figure_natv2_transition;
    expect(Object.keys(madds_M)).toEqual(Object.keys(params_K));
    for (const [label, madds] of Object.entries(madds_M)) {
      for (const name of label.startsWith('pool_') ? [`max_${label}`, `avg_${label}`] : [label]) {
        if (!isPrimitiveName(name)) throw new Error(`the figure names an unknown operation ${name}`);
        const cost = figureCost(name);
        expect(Math.round(cost.macs / 1e5) / 10, name).toBe(madds);
        expect(Math.round(cost.params / 100) / 10, name).toBe(params_K[label]);
      }
    }
  });
});

/**
 * MAdds of 128 channels at 32 x 32 as the figure counts them: convolutions as MACs, a k x k pool as k * k additions and a skip as one addition per
 * output number. Batch normalisation does not appear in its parameters.
 */
function figureCost(name: PrimitiveName): OperationCost {
  const numbers = 128 * 32 * 32;
  const { kind, kernel } = primitiveInfo(name);
  if (kind === 'max-pool' || kind === 'avg-pool') return { params: 0, macs: kernel * kernel * numbers };
  if (kind === 'skip') return { params: 0, macs: numbers };
  return operationCost(name, { inChannels: 128, outChannels: 128, stride: 1, height: 32, width: 32 }, 'plain');
}

const data = process.env['NAT_DATA_DIR'];
const table = data === undefined ? undefined : join(data, 'nasbench201.csv');
const missing = table === undefined || !existsSync(table);
describe.skipIf(missing)(`NAS-Bench-201 costs${missing ? ' (skipped: NAT_DATA_DIR holds no nasbench201.csv)' : ''}`, () => {
  it('equal the parameters and MACs of all 15,625 cells', { timeout: 600_000 }, () => {
    const [head = '', ...lines] = readFileSync(table!, 'utf8').trim().split('\n');
    const columns = head.split(',');
    const column = (line: readonly string[], name: string): string => line[columns.indexOf(name)]!;
    const wrong: string[] = [];
    for (const line of lines) {
      const cells = line.split(',');
      const { params, macs } = architectureCost(readNasBench201(column(cells, 'arch')));
      if (params !== Number(column(cells, 'params')) || macs !== Number(column(cells, 'flops'))) wrong.push(column(cells, 'arch'));
    }
    expect(lines).toHaveLength(15_625);
    expect(wrong).toEqual([]);
  });
});
