import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasTensorFlow, tensorflowKey } from './tensorflow.mjs';
import { runsSources } from './runtime.mjs';

/** @type {string} */
let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-tensorflow-test-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('runsSources', () => {
  it('knows the versions that strip types', () => {
    const yes = ['22.18.0', '22.20.1', '23.6.0', '24.0.0', '26.1.0'];
    const no = ['18.20.8', '20.20.2', '22.17.9', '23.5.0'];
    expect([...yes, ...no].filter(runsSources)).toEqual(yes);
  });
});

describe('tensorflowKey', () => {
  it('is another one for another set of wheels', () => expect(tensorflowKey('cpu')).not.toBe(tensorflowKey('cuda')));
  it('refuses an unknown flavour', () => expect(() => tensorflowKey('tpu')).toThrow('NAT_TENSORFLOW=tpu: it can be cpu or cuda'));
});

describe('hasTensorFlow', () => {
  it('wants the mark, the library, the addon and the kernels', () => {
    const place = path.join(folder, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
    const files = [
      '.nat-tensorflow',
      path.join('deps', 'lib', 'libtensorflow.so'),
      path.join('lib', 'napi-v8', 'tfjs_binding.node'),
      path.join('lib', 'napi-v8', 'nat_kernels.node'),
    ];
    for (const file of files) {
      expect(hasTensorFlow(folder, 'key')).toBe(false);
      fs.mkdirSync(path.dirname(path.join(place, file)), { recursive: true });
      fs.writeFileSync(path.join(place, file), 'key none'); // this root has no sources of kernels
    }
    expect(hasTensorFlow(folder, 'key')).toBe(true);
    expect(hasTensorFlow(folder, 'other')).toBe(false);
  });
});

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('a set-up that cannot go on (Linux x64)', () => {
  const module = new URL('./', import.meta.url).href;
  const program = `import { ensureTensorFlow } from '${module}tensorflow.mjs';
    import { createReport } from '${module}report.mjs';
    import { fail } from '${module}index.mjs';
    try { await ensureTensorFlow({ root: process.argv[1], cache: process.argv[1] + '/cache', flavour: 'cpu', report: createReport() }); } catch (error) { fail(error); }`;

  /** @param {Record<string, string>} programs shell scripts by name, the only programs there are */
  const setUpWith = async (programs) => {
    fs.mkdirSync(path.join(folder, 'node_modules', '@tensorflow', 'tfjs-node-gpu'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'node_modules', '@tensorflow', 'tfjs-node-gpu', 'package.json'), '{}');
    const bin = path.join(folder, 'bin');
    fs.mkdirSync(bin);
    for (const [name, text] of Object.entries(programs)) fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, folder], { env: { PATH: bin } });
    const outcome = await child.then(
      ({ stderr }) => ({ code: 0, stderr }),
      (/** @type {unknown} */ error) => /** @type {{code: number, stderr: string}} */ (error),
    );
    return { code: outcome.code, stderr: outcome.stderr };
  };

  it('without python3', async () => {
    expect(await setUpWith({})).toEqual({ code: 1, stderr: 'nat: python3 is needed to take TensorFlow from its Python wheel: install Python 3 with pip\n' });
  });

  it('without pip', async () => {
    const { code, stderr } = await setUpWith({ python3: 'echo "No module named pip" >&2; exit 1' });
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'nat: python3 has no pip: install it (Debian: apt-get install python3-pip) (exit 1):']);
  });

  it('without g++', async () => {
    expect(await setUpWith({ python3: 'exit 0' })).toEqual({
      code: 1,
      stderr: 'nat: g++ is needed to build the TensorFlow addon: install it (Debian: apt-get install g++)\n',
    });
  });

  it('with a download that fails, and leaves nothing of it', async () => {
    const { code, stderr } = await setUpWith({ 'g++': 'exit 0', python3: 'case "$*" in *download*) echo "no route" >&2; exit 2;; esac' });
    expect(code).toBe(1);
    expect(stderr).toContain('nat: pip could not download the pinned TensorFlow wheel (exit 2):\n  no route\n');
    expect(fs.readdirSync(path.join(folder, 'cache', 'tensorflow'))).toEqual([]);
  });
});

describe('extract_wheel.py', () => {
  const script = path.join(import.meta.dirname, 'extract_wheel.py');
  const make = (/** @type {string[]} */ names) =>
    execFileSync('python3', [
      '-c',
      'import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n  for n in sys.argv[2:]: z.writestr(n, n * 1000)',
      path.join(folder, 'w.whl'),
      ...names,
    ]);
  const extract = () => execFileSync('python3', [script, path.join(folder, 'w.whl'), path.join(folder, 'out')], { stdio: 'pipe' });

  it('takes the libraries and the headers that the addon needs, and nothing else', () => {
    make([
      'tensorflow/libtensorflow_cc.so.2',
      'tensorflow/python/_pywrap.so',
      'tensorflow/include/tensorflow/c/c_api.h',
      'tensorflow/include/xla/tsl/platform/x.h',
      'tensorflow/include/Eigen/Core.h',
      'nvidia/cudnn/lib/libcudnn.so.9',
      'nvidia/cudnn/include/cudnn.h',
    ]);
    extract();
    const files = fs.readdirSync(path.join(folder, 'out'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map((entry) => path.relative(path.join(folder, 'out'), path.join(entry.parentPath, entry.name))).sort()).toEqual([
      'include/tensorflow/c/c_api.h',
      'include/xla/tsl/platform/x.h',
      'lib/libtensorflow_cc.so.2',
      'nvidia/cudnn/lib/libcudnn.so.9',
    ]);
  });

  it('refuses a wheel with damaged content, or with nothing to take', () => {
    make(['tensorflow/libtensorflow_cc.so.2']);
    const wheel = fs.readFileSync(path.join(folder, 'w.whl'));
    wheel.writeUInt8(wheel.readUInt8(200) ^ 0xff, 200);
    fs.writeFileSync(path.join(folder, 'w.whl'), wheel);
    expect(extract).toThrow(/Bad CRC-32/);
    make(['README']);
    expect(extract).toThrow(/nothing to take in w\.whl/);
  });
});
