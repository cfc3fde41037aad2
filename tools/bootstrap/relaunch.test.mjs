import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** @type {string} */
let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-relaunch-test-'));
  fs.writeFileSync(
    path.join(folder, 'outer.mjs'),
    `import { relaunch } from ${JSON.stringify(new URL('relaunch.mjs', import.meta.url).href)};
     await relaunch({ node: process.execPath, env: process.env }, process.argv.slice(2));`,
  );
  fs.writeFileSync(
    path.join(folder, 'inner.mjs'),
    `const [what, value] = process.argv.slice(2);
     if (what === 'echo') process.stdin.pipe(process.stdout);
     if (what === 'exit') process.exitCode = Number(value);
     if (what === 'handle') process.on(value, () => process.exit(9));
     if (what === 'handle' || what === 'sleep') { setInterval(() => undefined, 1000); console.log(process.pid); }`,
  );
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** @param {...string} args */
const start = (...args) =>
  spawn(process.execPath, [path.join(folder, 'outer.mjs'), path.join(folder, 'inner.mjs'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
/** @param {ReturnType<typeof start>} child @returns {Promise<number>} what the inner process prints: its process id */
const innerPid = async (child) => Number(String((await once(child.stdout, 'data'))[0]));

describe('relaunch', () => {
  it('passes bytes through, and the exit code back', async () => {
    const child = start('echo');
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
    child.stdin.end(bytes);
    /** @type {Buffer[]} */
    const parts = [];
    for await (const part of child.stdout) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    for (const code of [0, 5, 143]) expect(await once(start('exit', String(code)), 'exit')).toEqual([code, null]);
  });

  it('passes a signal on to a process that handles it', async () => {
    const child = start('handle', 'SIGTERM');
    await innerPid(child);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([9, null]);
  });

  it('ends by the signal that ended the process', async () => {
    const child = start('sleep');
    await innerPid(child);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  it.skipIf(process.platform !== 'linux' || !fs.existsSync('/usr/bin/setpriv'))('takes the process along when it is killed (Linux with setpriv)', async () => {
    const child = start('sleep');
    const pid = await innerPid(child);
    child.kill('SIGKILL');
    await expect.poll(() => fs.existsSync(`/proc/${pid}`) && !fs.readFileSync(`/proc/${pid}/status`, 'utf8').includes('State:\tZ')).toBe(false);
  });
});
