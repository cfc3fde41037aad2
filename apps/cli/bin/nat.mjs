#!/usr/bin/env node
/**
 * The `nat` command as committed: plain JavaScript that any Node from 18 runs, before any install or build. It sets the clone up when that is
 * needed (progress on standard error), starts again under a newer Node when this one cannot run the sources, and hands over to src/main.ts.
 */
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { fail, findRuntime, isSetUp, relaunch, runsSources, setUp } from '../../../tools/bootstrap/index.mjs';

try {
  if (runsSources(process.versions.node)) {
    module.enableCompileCache?.();
    if (!isSetUp()) await setUp({ env: (await findRuntime()).env });
    await import('../src/main.ts');
  } else {
    await relaunch(await findRuntime(), [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  }
} catch (error) {
  fail(error);
}
