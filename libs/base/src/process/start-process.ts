import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Lines } from './lines.ts';

export interface ProcessOptions {
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to this process's own variables; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default 'ignore' */
  readonly stdin?: 'ignore' | 'pipe';
  /** @default 'ignore' */
  readonly stdout?: 'ignore' | 'inherit' | 'lines';
  /** `keep`: its end is kept, for whoever asks why the process ended. @default 'keep' */
  readonly stderr?: 'ignore' | 'inherit' | 'keep';
  /** Kills the process when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Kills the process when it runs for longer, milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** A channel for messages between this process and a module (structured clones). @default false */
  readonly channel?: boolean;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started. */
  readonly error?: Error;
}

/** A process that this one started. It is killed when this one exits. */
export interface RunningProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly ended: Promise<ProcessEnd>;
  /** What it wrote to standard output, with `stdout: 'lines'`; else empty. */
  readonly lines: Lines;
  /** The end of what it wrote to standard error, with `stderr: 'keep'`; else empty. */
  stderr(): string;
  /** Writes to its standard input, with `stdin: 'pipe'`. */
  write(text: string): void;
  kill(signal?: NodeJS.Signals): void;
  /** Asks it to end (SIGTERM), and kills it when it takes longer than `graceMs`. */
  stop(graceMs: number): Promise<ProcessEnd>;
}

/** A process with its channel, for `startRequestProcess`. */
export interface StartedProcess extends RunningProcess {
  readonly child: ChildProcess;
}

/** Characters kept of standard error. */
const STDERR_KEPT = 4_000;
/** Its output may still come after its end; grandchildren that hold the pipe open are not waited for. Milliseconds. */
const LAST_OUTPUT_MS = 1_000;

const running = new Set<ChildProcess>();
let killsAtExit = false;

/**
 * Starts a program, or a module (a URL) in a Node of its own.
 * A program that cannot be started gives an end with its error, and no exception.
 */
export function startProcess(program: string | URL, options: ProcessOptions = {}): RunningProcess {
  return spawnProcess(program, options);
}

export function spawnProcess(program: string | URL, options: ProcessOptions): StartedProcess {
  const { args = [], cwd, env = {}, stdin = 'ignore', stdout = 'ignore', stderr = 'keep', signal, deadlineMs, channel = false } = options;
  // None of this process's flags: a test runner's or a debugger's would be taken along.
  const [command, parameters] = program instanceof URL ? [process.execPath, [fileURLToPath(program), ...args]] : [program, [...args]];
  const child = spawn(command, parameters, {
    cwd,
    env: { ...process.env, ...env },
    stdio: [stdin, stdout === 'lines' ? 'pipe' : stdout, stderr === 'keep' ? 'pipe' : stderr, ...(channel ? ['ipc' as const] : [])],
    serialization: 'advanced',
  });
  killAtExit(child);
  let lastErrors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastErrors = (lastErrors + text).slice(-STDERR_KEPT);
  });
  child.stdin?.on('error', () => undefined); // it need not read what it is given
  const ended = endOf(child);
  const lines = new Lines(child.stdout, async () => `the process ${describeEnd(await ended)}${lastErrors.trim() === '' ? '' : `: ${lastErrors.trim()}`}`);

  const kill = (how: NodeJS.Signals = 'SIGKILL'): void => void child.kill(how);
  const onAbort = (): void => {
    kill();
  };
  if (signal?.aborted === true) kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = deadlineMs === undefined ? undefined : setTimeout(onAbort, deadlineMs);
  void ended.then(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  });

  return {
    child,
    pid: child.pid,
    ended,
    lines,
    stderr: () => lastErrors.trim(),
    write: (text) => void child.stdin?.write(text),
    kill,
    stop: async (graceMs) => {
      kill('SIGTERM');
      const grace = setTimeout(onAbort, graceMs);
      const end = await ended;
      clearTimeout(grace);
      return end;
    },
  };
}

/** `ended with code 1`, `was killed by SIGKILL`, or why it could not be started. */
export function describeEnd({ code, signal, error }: ProcessEnd): string {
  if (error !== undefined) return `could not be started: ${error.message}`;
  return signal === null ? `ended with code ${String(code)}` : `was killed by ${signal}`;
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    const settle = (end: ProcessEnd): void => {
      running.delete(child);
      resolve(end);
    };
    child.once('exit', (code, signal) => {
      const late = setTimeout(() => {
        settle({ code, signal });
      }, LAST_OUTPUT_MS);
      child.once('close', () => {
        clearTimeout(late);
        settle({ code, signal });
      });
    });
    child.on('error', (error) => {
      // Errors of a process that runs, such as a message that could not be sent, are those of who sent it.
      if (child.pid === undefined) settle({ code: null, signal: null, error });
    });
  });
}

function killAtExit(child: ChildProcess): void {
  running.add(child);
  if (killsAtExit) return;
  killsAtExit = true;
  process.once('exit', () => {
    for (const one of running) one.kill('SIGKILL');
  });
}
