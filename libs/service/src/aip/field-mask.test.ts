import { architecture } from '@nat/contracts';
import { describe, expect, it } from 'vitest';
import { applyReadMask, updatedFields } from './field-mask.ts';
import { registry } from '../testing/test-server.ts';

const { Architecture } = architecture;
const value = Architecture.create({
  name: 'namespaces/d/architectures/a',
  displayName: 'A',
  labels: { k: 'v' },
  cost: { params: 1, macs: 2, peakActivationBytes: 3 },
  spec: { cells: [{ name: 'c', inputs: 1, nodes: 2 }], skeleton: { $case: 'nasbench201Skeleton', value: {} } },
});
const read = (mask: readonly string[] | undefined) => applyReadMask(registry, Architecture.$type, value, mask);
const problem = (reason: string, field: string) =>
  expect.objectContaining({ kind: 'INVALID_ARGUMENT', reason, violations: [expect.objectContaining({ field })] }) as Error;

describe('a read mask', () => {
  it('keeps what it names, nested and in oneofs', () => {
    expect(read(['name', 'cost.macs'])).toEqual({ name: value.name, cost: { macs: 2 } });
    expect(read(['spec.nasbench201_skeleton', 'display_name'])).toEqual({ displayName: 'A', spec: { skeleton: { $case: 'nasbench201Skeleton', value: {} } } });
    expect(read(['spec.repeated_skeleton'])).toEqual({ spec: {} });
    expect(read(['cost.macs', 'cost'])).toEqual({ cost: value.cost });
    expect(read(['labels'])).toEqual({ labels: { k: 'v' } });
    expect(Architecture.fromPartial(read(['name'])).labels).toEqual({});
  });

  it('keeps everything when it is absent, empty or *', () => {
    for (const mask of [undefined, [], ['*']]) expect(read(mask)).toBe(value);
  });

  it('refuses what is no field', () => {
    expect(() => read(['name', 'nmae'])).toThrow(problem('INVALID_FIELD_MASK', 'read_mask.paths[1]'));
    expect(() => read(['spec.cells.name'])).toThrow(problem('INVALID_FIELD_MASK', 'read_mask.paths[0]'));
    expect(() => read(['displayName'])).toThrow(problem('INVALID_FIELD_MASK', 'read_mask.paths[0]'));
  });
});

describe('an update mask', () => {
  const update = (mask: readonly string[] | undefined) => updatedFields(registry, Architecture.$type, mask, ['display_name', 'labels']);

  it('names the writable fields to write, all of them without a mask', () => {
    expect(update(['labels'])).toEqual(['labels']);
    expect(update(undefined)).toEqual(['display_name', 'labels']);
    expect(update(['*'])).toEqual(['display_name', 'labels']);
  });

  it('refuses unknown fields, and known ones that do not change', () => {
    expect(() => update(['colour'])).toThrow(problem('INVALID_FIELD_MASK', 'update_mask.paths[0]'));
    expect(() => update(['labels', 'spec.cells'])).toThrow(problem('IMMUTABLE_FIELD', 'update_mask.paths[1]'));
  });
});
