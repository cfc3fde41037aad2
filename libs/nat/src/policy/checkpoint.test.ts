import { decodeTensors, encodeTensors } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { FORMAT_1_EMBEDDINGS } from './features/operation-features.ts';
import { createCheckpoint, parseCheckpoint, policySha256, serializeCheckpoint } from './checkpoint.ts';
import { officialGcnPolicy, type PolicyConfig } from './policy-config.ts';

const edge: PolicyConfig = { encoder: 'edge', hidden: 8, layers: 2 };

function failure(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('policy checkpoints', () => {
  it('are drawn from the stream alone', () => {
    const sha = (seed: number): string => policySha256(createCheckpoint(edge, RandomStream.of(seed)));
    expect(sha(1)).toBe(sha(1));
    expect(sha(1)).not.toBe(sha(2));
  });

  it('come back bit for bit, whatever the order of the config fields', () => {
    for (const config of [
      edge,
      { encoder: 'lstm', hidden: 3, layers: 2 } as const,
      { ...edge, embeddings: FORMAT_1_EMBEDDINGS },
      { ...officialGcnPolicy('nat', ['null', 'skip_connect', 'conv_3x3']), features: 16, hidden: 4, embedding: 3 },
    ]) {
      const checkpoint = { ...createCheckpoint(config, RandomStream.of(5)), step: 17, baseline: 0.1 + 0.2 };
      const bytes = serializeCheckpoint(checkpoint);
      const read = parseCheckpoint(bytes);
      expect(read).toEqual(checkpoint);
      expect(serializeCheckpoint(read)).toEqual(bytes);
      const reordered = Object.fromEntries(Object.entries(config).reverse()) as unknown as PolicyConfig;
      expect(policySha256({ ...checkpoint, config: reordered })).toBe(policySha256(checkpoint));
    }
  });

  it('keep the format that they were created in', () => {
    const formatOf = (config: PolicyConfig): unknown =>
      (JSON.parse(decodeTensors(serializeCheckpoint(createCheckpoint(config, RandomStream.of(1)))).metadata['nat_policy']!) as { format: unknown }).format;
    expect(formatOf(edge)).toBe(2);
    expect(formatOf({ ...edge, embeddings: FORMAT_1_EMBEDDINGS })).toBe(1);
  });

  it('say whether bytes are damaged or something else', () => {
    const bytes = serializeCheckpoint(createCheckpoint(edge, RandomStream.of(1)));
    const { tensors, metadata } = decodeTensors(bytes);
    const described = JSON.parse(metadata['nat_policy']!) as Record<string, unknown>;
    const parse = (change: Record<string, unknown>, without?: string): unknown => {
      const kept = new Map([...tensors].filter(([name]) => name !== without));
      return failure(() => parseCheckpoint(encodeTensors({ tensors: kept, metadata: { nat_policy: JSON.stringify({ ...described, ...change }) } })));
    };
    expect(parse({})).toBeUndefined();
    expect(failure(() => parseCheckpoint(bytes.subarray(0, 100)))).toMatchObject({ kind: 'DATA_LOSS', reason: 'TENSOR_FILE_TRUNCATED' });
    expect(failure(() => parseCheckpoint(new TextEncoder().encode('Genotype(normal=[...])')))).toMatchObject({ kind: 'DATA_LOSS' });
    expect(failure(() => parseCheckpoint(encodeTensors({ tensors, metadata: {} })))).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'NOT_A_POLICY' });
    expect(parse({ format: 3 })).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'POLICY_FORMAT' });
    expect(parse({ config: { encoder: 'edge', hidden: 0, layers: 2 } })).toMatchObject({
      kind: 'INVALID_ARGUMENT',
      reason: 'POLICY_CONFIG',
      violations: [{ field: 'config.hidden' }],
    });
    expect(parse({ config: { encoder: 'edge', hidden: 9, layers: 2 } })).toMatchObject({ kind: 'DATA_LOSS', reason: 'POLICY_TENSORS' });
    expect(parse({ step: -1 })).toMatchObject({ kind: 'DATA_LOSS', reason: 'POLICY_HEADER' });
    expect(parse({ baseline: null })).toMatchObject({ kind: 'DATA_LOSS', reason: 'POLICY_HEADER' });
    expect(parse({}, 'first/head.bias')).toMatchObject({ kind: 'DATA_LOSS', reason: 'POLICY_TENSORS' });
    tensors.get('parameter/head.bias')!.data[0] = NaN;
    expect(parse({})).toMatchObject({ kind: 'DATA_LOSS', reason: 'POLICY_TENSORS' });
  });
});
