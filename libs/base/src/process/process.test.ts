import { kill } from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/index.ts';
import type { TestProtocol } from '../testing/answering-child.ts';
import { describeEnd, runProcess, startProcess, startRequestProcess, type RequestProcess } from './index.ts';

const CHILD = new URL('../testing/answering-child.ts', import.meta.url);
const PARENT = new URL('../testing/parent-child.ts', import.meta.url);

const node = (code: string, ...args: readonly string[]): readonly string[] => ['--eval', code, ...args];

function runs(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a process', () => {
  it('runs to its end with its output, variables and standard error', async () => {
    const code = `console.log(process.env.GREETING, process.env.HOME === undefined); console.log(process.argv[1]); console.error('said'); process.exitCode = 4;`;
    const end = await runProcess(process.execPath, { args: node(code, 'one'), env: { GREETING: 'hello', HOME: undefined } });
    expect(end).toEqual({ code: 4, signal: null, stdout: 'hello true\none\n', stderr: 'said' });
    expect(describeEnd(end)).toBe('ended with code 4');
  });

  it('says that it cannot be started', async () => {
    const end = await runProcess('/no/such/program');
    expect(end).toMatchObject({ code: null, signal: null, error: { code: 'ENOENT' } });
    expect(describeEnd(end)).toBe('could not be started: spawn /no/such/program ENOENT');
  });

  it('keeps the end of a long standard error', async () => {
    const { stderr } = await runProcess(process.execPath, { args: node(`process.stderr.write('x'.repeat(100_000) + 'the end')`) });
    expect(stderr.length).toBeLessThanOrEqual(4_000);
    expect(stderr.endsWith('the end')).toBe(true);
  });

  it('is killed by its signal and at its deadline', async () => {
    const abort = new AbortController();
    const forever = `setInterval(() => {}, 1000); console.log('up');`;
    const running = startProcess(process.execPath, { args: node(forever), stdout: 'lines', signal: abort.signal });
    await running.lines.find((line) => line === 'up');
    abort.abort();
    expect(await running.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await startProcess(process.execPath, { args: node(forever), signal: abort.signal }).ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await startProcess(process.execPath, { args: node(forever), deadlineMs: 10 }).ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('is asked to end, and killed when it does not', async () => {
    const polite = startProcess(process.execPath, {
      args: node(`process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up');`),
      stdout: 'lines',
    });
    await polite.lines.next();
    expect(await polite.stop(60_000)).toEqual({ code: 7, signal: null });
    const deaf = startProcess(process.execPath, {
      args: node(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up');`),
      stdout: 'lines',
    });
    await deaf.lines.next();
    expect(await deaf.stop(10)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('answers line by line', async () => {
    const echo = startProcess(process.execPath, {
      args: node(`require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => console.log(line.toUpperCase()))`),
      stdin: 'pipe',
      stdout: 'lines',
    });
    echo.write('one\n');
    expect(await echo.lines.next()).toBe('ONE');
    echo.write('two\nthree\n');
    expect(await echo.lines.find((line) => line.startsWith('TH'))).toBe('THREE');
    expect(await echo.lines.next()).toBe('TWO');
    echo.kill();
    expect(await echo.lines.next()).toBe('THREE');
    expect(await echo.lines.next()).toBeUndefined();
    await expect(echo.lines.find((line) => line === 'FOUR')).rejects.toThrow('did not come: the process was killed by SIGKILL');
  });

  it('is killed when this one exits', async () => {
    const base = new URL('./index.ts', import.meta.url).href;
    const code = `const { startProcess } = await import(${JSON.stringify(base)});
      const { pid } = startProcess(process.execPath, { args: ['--eval', 'setInterval(() => {}, 1000)'] });
      console.log(pid);
      process.exit(0);`;
    const { stdout } = await runProcess(process.execPath, { args: ['--input-type=module', ...node(code)] });
    const pid = Number(stdout);
    expect(pid).toBeGreaterThan(0);
    while (runs(pid)) await systemClock.sleep(10);
  });
});

describe('a process that answers', () => {
  const started = new Set<RequestProcess<TestProtocol>>();
  const start = (): RequestProcess<TestProtocol> => {
    const child = startRequestProcess<TestProtocol>(CHILD, { name: 'test', endReason: 'TEST_ENDED' });
    started.add(child);
    return child;
  };
  afterEach(async () => {
    for (const child of started) await child.close();
    started.clear();
  });

  it('answers requests and says things before', async () => {
    const child = start();
    const events: number[] = [];
    await expect(child.request('add', [1, 2, 3])).resolves.toBe(6);
    await expect(child.request('count', 3, { onEvent: (event) => events.push(event) })).resolves.toEqual(new Uint8Array([3]));
    expect(events).toEqual([1, 2, 3]);
  });

  it('answers one after the other, with what follows a response in between', async () => {
    const child = start();
    const [, second] = await Promise.all([child.request('order', 'a'), child.request('order', 'b')]);
    expect(second).toEqual(['begin a', 'end a', 'after a', 'begin b', 'end b']);
  });

  it('passes on errors as they are, and lives on', async () => {
    const child = start();
    await expect(child.request('refuse', undefined)).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      reason: 'INVALID_FIELD',
      violations: [{ field: 'batch', description: 'must be positive' }],
    });
    await expect(child.request('crash', 'bug')).rejects.toMatchObject({
      kind: 'INTERNAL',
      message: 'internal error: undefined is not a function',
      cause: expect.stringContaining('TypeError'),
    });
    const other = child as unknown as RequestProcess<{ readonly sing: { readonly request: string; readonly response: string } }>;
    await expect(other.request('sing', 'a song')).rejects.toMatchObject({ kind: 'UNIMPLEMENTED', reason: 'UNKNOWN_REQUEST' });
    await expect(child.request('add', [1])).resolves.toBe(1);
  });

  it('fails everything open and later when it ends, with what it wrote to standard error', async () => {
    const child = start();
    const open = Promise.allSettled([child.request('crash', 'exit'), child.request('add', [1])]);
    for (const result of await open) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { kind: 'UNAVAILABLE', reason: 'TEST_ENDED', message: 'the test process ended with code 3: the last words' },
      });
    }
    await expect(child.request('add', [1])).rejects.toMatchObject({ reason: 'TEST_ENDED' });
    expect(await child.ended).toEqual({ code: 3, signal: null });
    const other = start();
    await expect(other.request('crash', 'uncaught')).rejects.toThrow(/ended with code 1: the last words[^]*nobody catches this/);
  });

  it('is killed when a request is aborted or takes too long', async () => {
    const child = start();
    const abort = new AbortController();
    const blocking = child.request('block', undefined, {
      signal: abort.signal,
      onEvent: () => {
        abort.abort(new Error('the search is over'));
      },
    });
    await expect(blocking).rejects.toMatchObject({ kind: 'CANCELLED', reason: 'STOPPED', cause: { message: 'the search is over' } });
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    await expect(start().request('add', [1], { signal: abort.signal })).rejects.toMatchObject({ kind: 'CANCELLED' });
    await expect(start().request('block', undefined, { deadlineMs: 200 })).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  });

  it('ends with its parent, also while it computes', async () => {
    const parent = startProcess(PARENT, { stdout: 'lines' });
    const pid = Number(await parent.lines.find((line) => /^\d+$/.test(line)));
    expect(runs(pid)).toBe(true);
    parent.kill('SIGKILL');
    await parent.ended;
    while (runs(pid)) await systemClock.sleep(10);
  });

  it('cannot be started from a module that is not there', async () => {
    const child = startRequestProcess<TestProtocol>(new URL('./no-such-module.ts', import.meta.url), { name: 'test' });
    started.add(child);
    await expect(child.request('add', [1])).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'PROCESS_ENDED' });
  });
});
