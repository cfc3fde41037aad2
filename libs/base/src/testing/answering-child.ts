/** A process for the tests of `process`: answers, fails, says things, blocks, dies. */
import { DomainError } from '../errors/index.ts';
import { serveParent } from '../process/index.ts';

export interface TestProtocol {
  readonly add: { readonly request: readonly number[]; readonly response: number };
  readonly count: { readonly request: number; readonly response: Uint8Array; readonly event: number };
  readonly refuse: { readonly request: undefined; readonly response: never };
  readonly crash: { readonly request: 'bug' | 'exit' | 'uncaught'; readonly response: never };
  /** Computes without looking up. */
  readonly block: { readonly request: undefined; readonly response: never; readonly event: 'blocking' };
  readonly order: { readonly request: string; readonly response: readonly string[] };
}

const order: string[] = [];

serveParent<TestProtocol>({
  add: (numbers) => Promise.resolve(numbers.reduce((a, b) => a + b, 0)),
  count: (to, { event }) => {
    for (let i = 1; i <= to; i += 1) event(i);
    return Promise.resolve(new Uint8Array([to]));
  },
  refuse: () => Promise.reject(DomainError.invalid('batch', 'must be positive')),
  crash: (how) => {
    if (how === 'bug') throw new TypeError('undefined is not a function');
    process.stderr.write('the last words\n');
    if (how === 'exit') process.exit(3);
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    return new Promise<never>(() => undefined);
  },
  block: async (_, { event }) => {
    event('blocking');
    await new Promise((resolve) => setImmediate(resolve));
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  },
  order: async (name, { afterwards }) => {
    order.push(`begin ${name}`);
    await new Promise((resolve) => setImmediate(resolve));
    afterwards(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`after ${name}`);
      throw new Error('dropped');
    });
    order.push(`end ${name}`);
    return [...order];
  },
});
