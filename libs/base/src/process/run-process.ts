import { startProcess, type ProcessEnd, type ProcessOptions } from './start-process.ts';

export interface FinishedProcess extends ProcessEnd {
  readonly stdout: string;
  /** Its end, with `stderr: 'keep'`. */
  readonly stderr: string;
}

/** Runs a program, or a module (a URL) in a Node of its own, to its end. */
export async function runProcess(program: string | URL, options: Omit<ProcessOptions, 'stdin' | 'stdout' | 'channel'> = {}): Promise<FinishedProcess> {
  const running = startProcess(program, { ...options, stdout: 'lines' });
  const end = await running.ended;
  return { ...end, stdout: running.lines.all.map((line) => `${line}\n`).join(''), stderr: running.stderr() };
}
