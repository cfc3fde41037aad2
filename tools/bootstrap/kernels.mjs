import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { installOnce, sha256 } from './cache.mjs';
import { compileAddon } from './compile.mjs';

/** Our operations for libtensorflow, compiled for this processor (or for `NAT_KERNELS_ARCH`, a value of g++'s -march). */
const SOURCES = path.join('libs', 'tensor', 'native');

/** Names the sources and the processor that they are compiled for. @param {string} root */
export function kernelsKey(root) {
  const folder = path.join(root, SOURCES);
  if (!fs.existsSync(folder)) return 'none';
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(cc|h)$/.test(name));
  const texts = files.sort().flatMap((name) => [name, fs.readFileSync(path.join(folder, name))]);
  return sha256(...texts, architecture(), processor()).slice(0, 12);
}

function architecture() {
  return process.env['NAT_KERNELS_ARCH'] || 'native';
}

/** What `native` stands for: a folder may be shared by machines. */
function processor() {
  if (architecture() !== 'native') return '';
  const flags = fs.existsSync('/proc/cpuinfo') ? /^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] : undefined;
  return flags ?? os.cpus()[0]?.model ?? '';
}

/**
 * @param {{root: string, cache: string, libraries: string, headers: string, report: import('./report.mjs').Report}} options `headers`: Node's
 * @returns {Promise<string>} the compiled file
 */
export async function ensureKernels({ root, cache, libraries, headers, report }) {
  const folder = path.join(root, SOURCES);
  const target = path.join(cache, 'kernels', `${path.basename(libraries)}-${kernelsKey(root)}`);
  const sources = fs.readdirSync(folder).filter((name) => name.endsWith('.cc'));
  await installOnce(target, async (place) => {
    await report.step('compiling the training kernels', () =>
      compileAddon({
        what: 'the training kernels',
        sources: sources.sort().map((name) => path.join(folder, name)),
        output: path.join(place, 'nat_kernels.node'),
        headers,
        libraries,
        flags: ['-O3', `-march=${architecture()}`, '-mprefer-vector-width=512', '-fopenmp', `-I${path.join(folder, 'shim')}`],
        link: ['tensorflow_framework'],
      }),
    );
  });
  return path.join(target, 'nat_kernels.node');
}
