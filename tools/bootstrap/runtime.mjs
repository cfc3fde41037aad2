import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { installOnce, requireFreeDisk } from './cache.mjs';
import * as pins from './pins.mjs';
import { run } from './process.mjs';
import { SetupError } from './report.mjs';

/** True when this Node runs the sources as they are: TypeScript without a build came to 22.18 and 23.6. @param {string} version such as `24.21.0` */
export function runsSources(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/**
 * The pinned Node from npm, in the cache: binary and headers.
 * @param {string} cache
 * @param {import('./report.mjs').Report} report
 * @returns {Promise<string>} its folder
 */
export async function ensureNodePackage(cache, report) {
  const folder = path.join(cache, 'node', `v${pins.node.version}`);
  if (fs.existsSync(folder)) return folder;
  const pin = pins.node.packages[`${process.platform}-${process.arch}`];
  if (pin === undefined) {
    throw new SetupError(
      `this needs Node 22.18 or newer and this is ${process.version}: install Node ${pins.node.version.split('.')[0]} (no runtime is pinned for ${process.platform} ${process.arch})`,
    );
  }
  requireFreeDisk(cache, 4e8, `Node ${pins.node.version}`);
  await installOnce(folder, (target) =>
    report.step(`Node ${process.versions.node} is too old to run the sources: taking ${pins.node.version} from npm`, async () => {
      const specifier = `${pin.name}@${pins.node.version}`;
      await run('npm', ['pack', specifier, '--silent', '--pack-destination', target], {
        cwd: target,
        missing: 'npm is needed to take a newer Node: install Node 22.18 or newer with its npm',
        failed: `npm could not download ${specifier}`,
      });
      const tarball = path.join(target, `${pin.name}-${pins.node.version}.tgz`);
      const integrity = `sha512-${createHash('sha512').update(fs.readFileSync(tarball)).digest('base64')}`;
      if (integrity !== pin.integrity) throw new SetupError(`${specifier} is not what was pinned: its integrity is ${integrity}`);
      await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], {
        missing: 'tar is needed to unpack Node',
        failed: `could not unpack ${specifier}`,
      });
      fs.rmSync(tarball);
    }),
  );
  return folder;
}
