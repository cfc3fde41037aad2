import { primitive, type Architecture } from '@nat/cells';
import { expect, it } from 'vitest';
import { CostModel } from './cost-model.ts';

it('refuses what costs more than can be counted', () => {
  const cell = {
    name: 'h',
    inputs: 1,
    nodes: 2,
    edges: Array.from({ length: 4000 }, () => ({ from: 0, to: 1, operation: primitive('conv_5x5') })),
    output: { kind: 'last' as const },
  };
  const architecture: Architecture = {
    cells: [cell],
    skeleton: {
      kind: 'explicit',
      stem: { channels: 16_384, kernel: 3, stride: 1, activation: 'relu' },
      placements: [{ cell: 'h', reads: [-1] }],
      head: { activation: 'none' },
      imageSize: 4096,
      classes: 10,
    },
  };
  expect(() => new CostModel().price(architecture)).toThrow(/more than can be counted/);
});
