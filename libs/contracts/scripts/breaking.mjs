/**
 * Fails when proto/ breaks the last released contract, proto/baseline.binpb. Both sides are built into one image first:
 * `buf breaking` does not compare a workspace of several modules with one image.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const scratch = mkdtempSync(join(tmpdir(), 'nat-breaking-'));
const buf = (...args) => execFileSync(process.execPath, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), ...args], { cwd: root, stdio: 'inherit' });
const rules = JSON.stringify({ version: 'v2', breaking: { use: ['FILE'], ignore_unstable_packages: false } });

try {
  const current = join(scratch, 'current.binpb');
  buf('build', '-o', current);
  buf('breaking', current, '--against', 'proto/baseline.binpb', '--config', rules);
} catch {
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
