/**
 * A real OpenTelemetry collector for tests, built from its Go modules (versions and digests in `collector/go.mod` and `go.sum`), which takes about 100 s
 * of one core once. As a command: `node tools/infra/collector.mjs` prints the program.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';

const SOURCE = fileURLToPath(new URL('./collector/', import.meta.url));
const FILES = ['go.mod', 'go.sum', 'main.go'];

/** @param {string} cache */
function folderIn(cache) {
  return path.join(cache, 'collector', sha256(...FILES.map((name) => fs.readFileSync(path.join(SOURCE, name)))).slice(0, 12));
}

/**
 * Why the collector cannot be had here: nothing when it can. One that is built needs no Go.
 * @returns {Promise<string | undefined>}
 */
export async function collectorAvailability(cache = cacheDirectory()) {
  if (fs.existsSync(folderIn(cache))) return undefined;
  try {
    await run('go', ['version']);
    return undefined;
  } catch {
    return 'go is not installed, and the OpenTelemetry collector is built from its Go modules';
  }
}

/**
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the program
 */
export async function ensureCollector({ cache = cacheDirectory(), report = createReport() } = {}) {
  const folder = folderIn(cache);
  if (!fs.existsSync(folder)) requireFreeDisk(cache, 2e9, 'building the OpenTelemetry collector');
  await installOnce(folder, (target) =>
    report.step('building the OpenTelemetry collector from its Go modules (minutes, once)', async () => {
      const env = { ...process.env, GOFLAGS: '-buildvcs=false', CGO_ENABLED: '0', GOMAXPROCS: '2' };
      const failed = 'the OpenTelemetry collector did not build';
      await run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', path.join(target, 'collector'), '.'], { cwd: SOURCE, env, failed });
    }),
  );
  return path.join(folder, 'collector');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const unavailable = await collectorAvailability();
    if (unavailable !== undefined) throw new Error(unavailable);
    console.log(await ensureCollector());
  } catch (error) {
    fail(error);
  }
}
