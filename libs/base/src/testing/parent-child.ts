/** A process that starts one which blocks, says the pid of that, and then waits to be killed. */
import { startRequestProcess } from '../process/index.ts';
import type { TestProtocol } from './answering-child.ts';

const child = startRequestProcess<TestProtocol>(new URL('./answering-child.ts', import.meta.url), { name: 'grandchild' });
void child.request('block', undefined, {
  onEvent: () => {
    process.stdout.write(`${String(child.pid)}\n`);
  },
});
