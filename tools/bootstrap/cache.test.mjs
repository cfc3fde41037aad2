import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheDirectory, installOnce, requireFreeDisk, withLock } from './cache.mjs';

/** @type {string} */
let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-cache-test-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('cacheDirectory', () => {
  it('is NAT_CACHE_DIR, else nat under XDG_CACHE_HOME, else under the home', () => {
    expect(cacheDirectory({ NAT_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheDirectory({ XDG_CACHE_HOME: '/b' })).toBe('/b/nat');
    expect(cacheDirectory({})).toBe(path.join(os.homedir(), '.cache', 'nat'));
  });
});

describe('installOnce', () => {
  it('fills a target once', async () => {
    const target = path.join(folder, 'deep', 'thing');
    let fills = 0;
    const fill = async (/** @type {string} */ place) => {
      fills += 1;
      fs.writeFileSync(path.join(place, 'file'), 'x');
    };
    await installOnce(target, fill);
    await installOnce(target, fill);
    expect(fills).toBe(1);
    expect(fs.readdirSync(target)).toEqual(['file']);
  });

  it('leaves nothing of a fill that fails', async () => {
    const target = path.join(folder, 'thing');
    await expect(
      installOnce(target, async (place) => {
        fs.writeFileSync(path.join(place, 'half'), 'x');
        throw new Error('cut short');
      }),
    ).rejects.toThrow('cut short');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('sweeps what a killed set-up left, and spares that of a live one', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    fs.mkdirSync(path.join(folder, `.thing.partial-${dead.pid}-abc`));
    fs.mkdirSync(path.join(folder, `.thing.partial-${process.ppid}-abc`));
    await installOnce(path.join(folder, 'thing'), async () => undefined);
    expect(fs.readdirSync(folder).sort()).toEqual([`.thing.partial-${process.ppid}-abc`, 'thing']);
  });

  it('takes the content of whoever was first', async () => {
    const target = path.join(folder, 'thing');
    await installOnce(target, async (place) => {
      fs.writeFileSync(path.join(place, 'second'), '');
      fs.mkdirSync(target);
      fs.writeFileSync(path.join(target, 'first'), '');
    });
    expect(fs.readdirSync(target)).toEqual(['first']);
  });
});

describe.skipIf(process.platform !== 'linux')('withLock (Linux: a socket in the abstract namespace)', () => {
  const module = new URL('cache.mjs', import.meta.url).href;
  const holder = `import { withLock } from ${JSON.stringify(module)};
    await withLock(process.argv[1], () => new Promise((resolve) => { console.log('held'); process.stdin.once('data', resolve).unref(); setTimeout(resolve, 60_000); }));
    process.exit();`;

  it('waits for another process, and for a killed one no longer', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    let waited = 0;
    let entered = false;
    const waiting = Promise.withResolvers();
    const entry = withLock(
      folder,
      async () => {
        entered = true;
      },
      () => {
        waited += 1;
        waiting.resolve(undefined);
      },
    );
    await waiting.promise;
    expect(entered).toBe(false);
    child.kill('SIGKILL');
    await entry;
    expect({ entered, waited }).toEqual({ entered: true, waited: 1 });
  });

  it('is free again after a task that failed', async () => {
    await expect(withLock(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(withLock(folder, () => Promise.resolve(7))).resolves.toBe(7);
  });
});

describe('requireFreeDisk', () => {
  it('names what needs the room, where, and how much', () => {
    expect(() => requireFreeDisk(folder, 1e18, 'native TensorFlow')).toThrow(/^native TensorFlow needs 1000000000\.0 GB free under .*NAT_CACHE_DIR/);
    expect(() => requireFreeDisk(folder, 1, 'a byte')).not.toThrow();
  });
});
