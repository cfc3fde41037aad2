import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon } from './compile.mjs';
import { ensureKernels, kernelsKey } from './kernels.mjs';
import { installOnce, requireFreeDisk, sha256, writeAtomically } from './cache.mjs';
import * as pins from './pins.mjs';
import { run } from './process.mjs';
import { ensureNodePackage } from './runtime.mjs';
import { SetupError } from './report.mjs';

/** @typedef {import('./report.mjs').Report} Report */

const PACKAGE = path.join('node_modules', '@tensorflow', 'tfjs-node-gpu');
const ADDON = path.join('lib', 'napi-v8', 'tfjs_binding.node');
const KERNELS = path.join('lib', 'napi-v8', 'nat_kernels.node');
/** Holds the key of what was linked, written last. */
const MARK = '.nat-tensorflow';
const SOURCES = ['tfjs_backend.cc', 'tfjs_binding.cc'];

/** The flavour asked for by `NAT_TENSORFLOW`: `cpu` unless it says `cuda`. */
export function tensorflowFlavour(env = process.env) {
  return env['NAT_TENSORFLOW'] || 'cpu';
}

/** @param {string} flavour */
function pinOf(flavour) {
  const pin = Object.hasOwn(pins.tensorflow, flavour) ? pins.tensorflow[flavour] : undefined;
  if (pin === undefined) throw new SetupError(`NAT_TENSORFLOW=${flavour}: it can be ${Object.keys(pins.tensorflow).join(' or ')}`);
  return pin;
}

/** Names the exact set of wheels, so that a changed pin is another folder. @param {string} flavour */
export function tensorflowKey(flavour) {
  const pin = pinOf(flavour);
  return `${flavour}-${pin.version}-${sha256(JSON.stringify(pin.wheels)).slice(0, 12)}`;
}

/** True when this clone has the libraries of `key`, the addon and the kernels, proven to load. @param {string} root @param {string} key */
export function hasTensorFlow(root, key) {
  const folder = path.join(root, PACKAGE);
  try {
    return (
      fs.readFileSync(path.join(folder, MARK), 'utf8') === markOf(root, key) &&
      [path.join('deps', 'lib', 'libtensorflow.so'), ADDON, KERNELS].every((file) => fs.existsSync(path.join(folder, file)))
    );
  } catch {
    return false;
  }
}

/** @param {string} root @param {string} key */
function markOf(root, key) {
  return `${key} ${kernelsKey(root)}`;
}

/**
 * Puts a native TensorFlow under `@tensorflow/tfjs-node-gpu`: libraries and headers from the PyPI wheel, the addon compiled against them.
 * The package's own install script would take both from a storage host and is never run.
 * @param {{root: string, cache: string, flavour: string, report: Report}} options
 */
export async function ensureTensorFlow({ root, cache, flavour, report }) {
  const key = tensorflowKey(flavour);
  if (hasTensorFlow(root, key)) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(`native TensorFlow is set up on Linux x64 only, and this is ${process.platform} ${process.arch}`);
  }
  const folder = path.join(root, PACKAGE);
  if (!fs.existsSync(path.join(folder, 'package.json'))) throw new SetupError(`${PACKAGE} is missing: run npm ci --ignore-scripts`);

  const libraries = path.join(cache, 'tensorflow', key);
  await ensureLibraries({ cache, flavour, libraries, report });
  const headers = await nodeHeaders(cache, report);
  const addon = await ensureAddon({ cache, folder, libraries, headers, report });
  const kernels = await ensureKernels({ root, cache, libraries, headers, report });

  fs.rmSync(path.join(folder, MARK), { force: true });
  fs.rmSync(path.join(folder, 'deps'), { recursive: true, force: true });
  fs.symlinkSync(libraries, path.join(folder, 'deps'));
  fs.mkdirSync(path.dirname(path.join(folder, ADDON)), { recursive: true });
  for (const { name, file } of [
    { name: ADDON, file: addon },
    { name: KERNELS, file: kernels },
  ]) {
    const partial = path.join(folder, `${name}.partial`);
    fs.copyFileSync(file, partial);
    fs.renameSync(partial, path.join(folder, name)); // a process that has the old one mapped keeps it
  }
  await report.step('checking native TensorFlow', () => proveLoads(root));
  writeAtomically(path.join(folder, MARK), markOf(root, key));
}

/** @param {{cache: string, flavour: string, libraries: string, report: Report}} options */
async function ensureLibraries({ cache, flavour, libraries, report }) {
  if (fs.existsSync(libraries)) return;
  const pin = pinOf(flavour);
  const missing = 'python3 is needed to take TensorFlow from its Python wheel: install Python 3 with pip';
  await run('python3', ['-m', 'pip', '--version'], { missing, failed: 'python3 has no pip: install it (Debian: apt-get install python3-pip)' });
  await run('g++', ['--version'], { missing: 'g++ is needed to build the TensorFlow addon: install it (Debian: apt-get install g++)' });
  requireFreeDisk(cache, pin.freeBytes, 'native TensorFlow');

  await installOnce(libraries, async (target) => {
    const downloads = path.join(target, 'wheels');
    fs.mkdirSync(downloads);
    const requirements = path.join(target, 'requirements.txt');
    fs.writeFileSync(requirements, pin.wheels.map((wheel) => `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`).join(''));
    await report.step(`downloading TensorFlow ${pin.version} for ${flavour} (${pin.size})`, async (detail) => {
      const stop = watchSize(target, detail);
      try {
        const flags = ['-r', requirements, '--require-hashes', '--no-deps', '--only-binary=:all:', ...pin.tags, '-d', downloads];
        const env = { ...process.env, TMPDIR: target }; // a download cut short is swept with the folder
        await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--disable-pip-version-check', ...flags], {
          env,
          failed: 'pip could not download the pinned TensorFlow wheel',
        });
      } finally {
        stop();
      }
    });
    await report.step('unpacking TensorFlow', async () => {
      const script = fileURLToPath(new URL('extract_wheel.py', import.meta.url));
      for (const name of fs.readdirSync(downloads)) {
        await run('python3', [script, path.join(downloads, name), target], { missing, failed: `could not unpack ${name}` });
        fs.rmSync(path.join(downloads, name));
      }
    });
    fs.rmSync(downloads, { recursive: true });
    const lib = path.join(target, 'lib');
    fs.symlinkSync('libtensorflow_cc.so.2', path.join(lib, 'libtensorflow.so'));
    fs.symlinkSync('libtensorflow_cc.so.2', path.join(lib, 'libtensorflow.so.2.9.1')); // the name the package's install script looks for
    fs.symlinkSync('libtensorflow_framework.so.2', path.join(lib, 'libtensorflow_framework.so'));
  });
}

/** Shows the bytes that have arrived under a folder. @param {string} folder @param {(text: string) => void} detail */
function watchSize(folder, detail) {
  const size = (/** @type {string} */ at) => {
    let total = 0;
    try {
      for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
        const file = path.join(at, entry.name);
        total += entry.isDirectory() ? size(file) : entry.isFile() ? fs.statSync(file).size : 0;
      }
    } catch {
      return total; // a file went away while it was counted
    }
    return total;
  };
  const timer = setInterval(() => detail(`${(size(folder) / 1e6).toFixed(0)} MB`), 500);
  timer.unref();
  return () => {
    clearInterval(timer);
    detail('');
  };
}

/**
 * Compiles the addon once for a set of sources, libraries and compiler; the Node-API makes one binary fit every Node.
 * @param {{cache: string, folder: string, libraries: string, headers: string, report: Report}} options `headers`: Node's
 * @returns {Promise<string>} the compiled file
 */
async function ensureAddon({ cache, folder, libraries, headers, report }) {
  const binding = path.join(folder, 'binding');
  const sources = fs
    .readdirSync(binding)
    .sort()
    .map((name) => fs.readFileSync(path.join(binding, name)));
  const target = path.join(cache, 'tensorflow-addon', `${path.basename(libraries)}-${sha256(...sources).slice(0, 12)}`);
  await installOnce(target, async (place) => {
    await report.step('compiling the TensorFlow addon', () =>
      compileAddon({
        what: 'the TensorFlow addon',
        sources: SOURCES.map((name) => path.join(binding, name)),
        output: path.join(place, 'tfjs_binding.node'),
        headers,
        libraries,
        flags: ['-O2'],
        link: ['tensorflow', 'tensorflow_framework'],
      }),
    );
  });
  return path.join(target, 'tfjs_binding.node');
}

/**
 * The C headers of Node: beside the running binary where its installation has them, else of the pinned runtime package.
 * @param {string} cache
 * @param {Report} report
 */
async function nodeHeaders(cache, report) {
  const beside = path.join(path.dirname(path.dirname(fs.realpathSync(process.execPath))), 'include', 'node');
  if (fs.existsSync(path.join(beside, 'node_api.h'))) return beside;
  return path.join(await ensureNodePackage(cache, report), 'include', 'node');
}

/** Loads the addon in a process of its own and multiplies two matrices: a library that does not fit this machine fails here, not in a search. */
async function proveLoads(/** @type {string} */ root) {
  const program = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (value) => value == null;
    util.isArray ??= Array.isArray;
    const tf = require('@tensorflow/tfjs-node-gpu');
    process.dlopen({ exports: {} }, require.resolve('@tensorflow/tfjs-node-gpu/package.json').replace('package.json', 'lib/napi-v8/nat_kernels.node'));
    const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5, 6], [7, 8]]));
    process.stdout.write(tf.getBackend() + ' ' + Array.from(product.dataSync()).join(' '));
  `;
  const env = { ...process.env, TF_ENABLE_ONEDNN_OPTS: '0', TF_CPP_MIN_LOG_LEVEL: '2' };
  const answer = await run(process.execPath, ['-e', program], { cwd: root, env, failed: 'native TensorFlow does not load on this machine' });
  if (answer !== 'tensorflow 19 22 43 50') throw new SetupError(`native TensorFlow multiplied two matrices wrongly: ${answer}`);
}
