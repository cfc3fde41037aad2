import { findDestructive } from '@nat/storage/testing';
import { expect, it } from 'vitest';
import { EVALUATOR_SCHEMAS } from '../compose.ts';

it.each(EVALUATOR_SCHEMAS)('the migrations of $service take nothing away that the version before used', async (schema) => {
  expect(await findDestructive(schema)).toEqual([]);
});
