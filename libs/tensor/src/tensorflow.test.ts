import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const INDEX = fileURLToPath(new URL('./index.ts', import.meta.url));

/** Runs a module in a fresh process and parses what it printed: anything else on stdout would break that. */
function inFreshProcess(code: string): unknown {
  const script = `import { isTensorflowLoaded, loadTensorflow, tensorflowThreads } from ${JSON.stringify(INDEX)};\n${code}`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

describe('loadTensorflow', () => {
  it('loads nothing on import', () => {
    expect(inFreshProcess('console.log(JSON.stringify([isTensorflowLoaded(), tensorflowThreads() ?? null]))')).toEqual([false, null]);
  });

  it('loads once with the given threads, on a clean stdout, and refuses another count', () => {
    const code = `
      const tf = loadTensorflow({ threads: 3 });
      let reason;
      try { loadTensorflow({ threads: 2 }); } catch (error) { reason = error.reason; }
      console.log(JSON.stringify({ sum: tf.sum([1, 2]).dataSync()[0], threads: tensorflowThreads(), again: loadTensorflow() === tf, reason }));`;
    expect(inFreshProcess(code)).toMatchObject({ sum: 3, threads: 3, again: true, reason: 'TENSORFLOW_THREADS' });
  });

  it('gives libtensorflow that many threads, and the same bits each time', () => {
    const code = (threads: number): string => `
      const tf = loadTensorflow({ threads: ${threads} });
      const x = tf.sin(tf.range(0, 64 * 16 * 16 * 8)).reshape([64, 16, 16, 8]);
      const gradient = tf.grad((w) => tf.conv2d(x, w, 1, 'same').sum())(tf.ones([3, 3, 8, 8]));
      const workers = (await import('node:fs')).readdirSync('/proc/self/task').length;
      console.log(JSON.stringify({ workers, bits: Buffer.from(gradient.dataSync().buffer).toString('base64') }));`;
    const [one, two, again] = [1, 2, 2].map((threads) => inFreshProcess(code(threads)) as { workers: number; bits: string });
    expect(two!.bits).toBe(again!.bits);
    expect(two!.workers).toBe(one!.workers + 1);
  });

  it('refuses thread counts that are none', () => {
    expect(
      inFreshProcess(`try { loadTensorflow({ threads: 0 }); } catch (error) { console.log(JSON.stringify([error.kind, isTensorflowLoaded()])); }`),
    ).toEqual(['INVALID_ARGUMENT', false]);
  });
});
