import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { evaluation } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import type { Logger } from '@nat/service';
import { weightsOfSpec } from '@nat/convert';
import { fromDuration } from '@nat/convert';
import { failure } from '../job/failure.ts';
import type { Execute, Job, JobContext } from '../job/job.ts';
import type { TrainerMessage, TrainerRequest } from './protocol.ts';
import { threadsOf } from './threads.ts';

const ENTRY = fileURLToPath(new URL('./trainer-main.ts', import.meta.url));
const STDERR_KEPT = 4_000;
const MEMORY_POLL_MS = 500;
const PAGE_BYTES = 4_096;

export interface TrainersOptions {
  readonly blobUrl: string;
  readonly dataDir: string | undefined;
  readonly checkpointMs: number;
  readonly idleMs: number;
  readonly nice: number;
  readonly logger: Logger;
}

/** Processes that hold TensorFlow. One runs one evaluation at a time and is kept for the next with the same thread count. */
export interface Trainers {
  readonly execute: Execute;
  /** Keys of the weights that those without work have in memory. */
  readonly loadedWeights: () => readonly string[];
  /** Kills what is left. */
  readonly close: () => Promise<void>;
}

interface Trainer {
  readonly process: ChildProcess;
  /** TensorFlow cannot change it once it is loaded. */
  readonly threads: number;
  /** The end of what it wrote on standard error: why it died. */
  readonly lastWords: () => string;
  /** False once it was killed or may be in a state that another evaluation must not see. */
  usable: boolean;
  /** Key of the weights that it had in memory after its last evaluation; empty: none. */
  loadedWeights: string;
  idleTimer?: NodeJS.Timeout;
}

export function createTrainers({ blobUrl, dataDir, checkpointMs, idleMs, nice, logger }: TrainersOptions): Trainers {
  const all = new Set<Trainer>();
  const idle = new Set<Trainer>();

  const start = (threads: number): Trainer => {
    const child = fork(ENTRY, [String(threads)], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT);
    });
    const trainer: Trainer = { process: child, threads, lastWords: () => stderr.trim(), usable: true, loadedWeights: '' };
    all.add(trainer);
    child.once('exit', () => {
      clearTimeout(trainer.idleTimer);
      trainer.usable = false;
      all.delete(trainer);
      idle.delete(trainer);
    });
    // A process that cannot be started has no exit; whoever runs on it hears of the error too.
    child.once('error', () => {
      trainer.usable = false;
      all.delete(trainer);
      idle.delete(trainer);
    });
    try {
      if (child.pid !== undefined && nice !== 0) setPriority(child.pid, Math.min(constants.priority.PRIORITY_LOW, nice));
    } catch (error) {
      logger.debug({ err: error }, 'the priority of a trainer stays as it is');
    }
    logger.debug({ pid: child.pid, threads }, 'trainer started');
    return trainer;
  };

  const take = (spec: evaluation.EvaluationSpec): Trainer => {
    const threads = threadsOf(spec);
    const weights = weightsOfSpec(spec);
    // One that has the weights; else one that loses none.
    const rank = ({ loadedWeights }: Trainer): number => (loadedWeights === weights ? 0 : loadedWeights === '' ? 1 : 2);
    const [trainer] = [...idle].filter((one) => threads === undefined || one.threads === threads).sort((a, b) => rank(a) - rank(b));
    if (trainer !== undefined) {
      idle.delete(trainer);
      clearTimeout(trainer.idleTimer);
      return trainer;
    }
    // Each holds the library and its data: one of another thread count makes room.
    for (const trainer of idle) kill(trainer);
    return start(threads ?? 1);
  };

  const giveBack = (trainer: Trainer): void => {
    if (!trainer.usable) return;
    idle.add(trainer);
    trainer.idleTimer = setTimeout(() => {
      idle.delete(trainer);
      kill(trainer);
    }, idleMs);
    trainer.idleTimer.unref();
  };

  const execute: Execute = async (job, context) => {
    const trainer = take(job.spec);
    try {
      return await runOn(trainer, job, context, { blobUrl, dataDir, checkpointMs });
    } finally {
      giveBack(trainer);
    }
  };

  return {
    execute,
    loadedWeights: () => [...idle].map(({ loadedWeights }) => loadedWeights).filter((weights) => weights !== ''),
    close: async () => {
      const ending = [...all].map(
        ({ process: child }) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) resolve();
            else
              child.once('exit', () => {
                resolve();
              });
          }),
      );
      for (const trainer of all) kill(trainer);
      await Promise.all(ending);
    },
  };
}

function kill(trainer: Trainer): void {
  trainer.usable = false;
  trainer.process.kill('SIGKILL');
}

/** Runs one evaluation on a trainer. Whatever ends it early (cancellation, a limit, a crash) ends the process too: training does not listen. */
function runOn(
  trainer: Trainer,
  { spec, evaluation: name, continued }: Job,
  { signal, observe, checkpoint }: JobContext,
  places: Omit<TrainerRequest, 'spec' | 'evaluation' | 'continued'>,
): Promise<evaluation.Outcome> {
  const { process: child, lastWords } = trainer;
  return new Promise((resolve, reject) => {
    let settled = false;
    const timers: NodeJS.Timeout[] = [];
    const settle = (end: () => void): void => {
      if (settled) return;
      settled = true;
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      end();
    };
    const killWith = (end: () => void): void => {
      if (!settled) kill(trainer);
      settle(end);
    };
    const onAbort = (): void => {
      killWith(() => {
        reject(new DomainError('CANCELLED', 'the work was stopped', { reason: 'STOPPED' }));
      });
    };
    const exceeded = (reason: string, message: string): void => {
      killWith(() => {
        resolve(failure(reason, message, true));
      });
    };
    const onExit = (code: number | null, killedBy: NodeJS.Signals | null): void => {
      const how = killedBy === null ? `ended with code ${String(code)}` : `was killed by ${killedBy}`;
      settle(() => {
        resolve(failure('TRAINER_CRASHED', `the training process ${how}${lastWords() === '' ? '' : `: ${lastWords()}`}`, false));
      });
    };
    const onError = (error: Error): void => {
      killWith(() => {
        resolve(failure('TRAINER_CRASHED', `the training process does not answer: ${error.message}`, false));
      });
    };
    const onMessage = (message: TrainerMessage): void => {
      switch (message.type) {
        case 'observations':
          observe(message.observations.map(({ time, ...observation }) => ({ ...observation, time: new Date(time), attempt: 0 })));
          break;
        case 'checkpoint':
          checkpoint(message.checkpoint);
          break;
        case 'finished':
          trainer.loadedWeights = message.loadedWeights;
          settle(() => {
            resolve(evaluation.Outcome.decode(message.outcome));
          });
          break;
        case 'failed':
          // What went wrong unexpectedly may have left tensors and variables behind.
          if (message.kind === 'INTERNAL') kill(trainer);
          trainer.loadedWeights = message.loadedWeights;
          settle(() => {
            reject(new DomainError(message.kind, message.message, { reason: message.reason }));
          });
      }
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    child.on('message', onMessage).once('exit', onExit).once('error', onError);

    const timeMs = fromDuration(spec.budget?.time);
    if (timeMs > 0)
      timers.push(
        setTimeout(() => {
          exceeded('TIME_BUDGET_EXCEEDED', `it took more than ${timeMs} ms`);
        }, timeMs),
      );
    const memoryBytes = spec.budget?.memoryBytes ?? 0;
    if (memoryBytes > 0 && child.pid !== undefined) {
      const { pid } = child;
      const watch = (): void => {
        void residentBytes(pid).then((bytes) => {
          if (bytes > memoryBytes) exceeded('MEMORY_BUDGET_EXCEEDED', `it took ${bytes} bytes, more than ${memoryBytes}`);
        });
      };
      timers.push(setInterval(watch, MEMORY_POLL_MS));
    }
    const request: TrainerRequest = { spec: evaluation.EvaluationSpec.encode(spec).finish(), evaluation: name, continued, ...places };
    child.send(request, (error) => {
      if (error !== null) onError(error);
    });
  });
}

/** Resident memory of a process; 0 where /proc does not tell. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const [, pages = '0'] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ');
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
