import { findDestructive } from '@nat/storage/testing';
import { expect, it } from 'vitest';
import { POLICY_SCHEMAS } from './compose.ts';

it.each(POLICY_SCHEMAS)('the migrations of $service take nothing away that the version before used', async (schema) => {
  expect(await findDestructive(schema)).toEqual([]);
});
