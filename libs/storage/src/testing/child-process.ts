import { startProcess, type RunningProcess } from '@nat/base/process';

/** A module of this folder as a process of its own, whose lines can be read. */
export function startChild(module: string, ...args: readonly string[]): RunningProcess {
  return startProcess(new URL(module, import.meta.url), { args, stdout: 'lines' });
}

/** Resolves with the first line of this start; rejects when the process ends without it. */
export function printed(child: RunningProcess, start: string): Promise<string> {
  return child.lines.find((line) => line.startsWith(start));
}

/** kill -9, and waits for the end. */
export async function killChild(child: RunningProcess): Promise<void> {
  child.kill('SIGKILL');
  await child.ended;
}
