#!/usr/bin/env node
/**
 * The `nat` command as committed: plain JavaScript that any Node from 18 runs, before any install or build. It sets the clone up when that is
 * needed (progress on standard error), starts again under a newer Node when this one cannot run the sources, and hands over to src/main.ts.
 */
import module from 'node:module';
import { isSetUp, onRuntime, setUp } from '../../../tools/bootstrap/index.mjs';

await onRuntime(import.meta.url, async ({ env }, report) => {
  module.enableCompileCache();
  if (!isSetUp()) await setUp({ env, report });
  await import('../src/main.ts');
});
