import { readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { evaluation } from '@nat/contracts';
import { fromDuration, weightsOfSpec } from '@nat/convert';
import { DomainError, isDomainError } from '@nat/base/errors';
import { startRequestProcess, type RequestProcess } from '@nat/base/process';
import type { Logger } from '@nat/service';
import type { Execute, Job, JobContext } from '../job/job.ts';
import type { TrainerEvent, TrainerProtocol, TrainerRequest } from './protocol.ts';
import { threadsOf } from './threads.ts';

const ENTRY = new URL('./trainer-main.ts', import.meta.url);
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
  /** @throws DomainError UNAVAILABLE TRAINER_CRASHED; RESOURCE_EXHAUSTED TIME_BUDGET_EXCEEDED, MEMORY_BUDGET_EXCEEDED; what the evaluation throws */
  readonly execute: Execute;
  /** Keys of the weights that those without work have in memory. */
  readonly loadedWeights: () => readonly string[];
  /** Kills what is left. */
  readonly close: () => Promise<void>;
}

interface Trainer {
  readonly process: RequestProcess<TrainerProtocol>;
  /** TensorFlow cannot change it once it is loaded. */
  readonly threads: number;
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
    const process = startRequestProcess<TrainerProtocol>(ENTRY, { name: 'training', endReason: 'TRAINER_CRASHED', args: [String(threads)] });
    const trainer: Trainer = { process, threads, usable: true, loadedWeights: '' };
    all.add(trainer);
    void process.ended.then(() => {
      clearTimeout(trainer.idleTimer);
      trainer.usable = false;
      all.delete(trainer);
      idle.delete(trainer);
    });
    try {
      if (process.pid !== undefined && nice !== 0) setPriority(process.pid, Math.min(constants.priority.PRIORITY_LOW, nice));
    } catch (error) {
      logger.debug({ err: error }, 'the priority of a trainer stays as it is');
    }
    logger.debug({ pid: process.pid, threads }, 'trainer started');
    return trainer;
  };

  const take = (spec: evaluation.EvaluationSpec): Trainer => {
    const threads = threadsOf(spec);
    const weights = weightsOfSpec(spec);
    // One that has the weights; else one that loses none.
    const rank = ({ loadedWeights }: Trainer): number => (loadedWeights === (weights ?? '') ? 0 : loadedWeights === '' ? 1 : 2);
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

  return {
    execute: async (job, context) => {
      const trainer = take(job.spec);
      try {
        return await runOn(trainer, job, context, { blobUrl, dataDir, checkpointMs });
      } finally {
        giveBack(trainer);
      }
    },
    loadedWeights: () => [...idle].map(({ loadedWeights }) => loadedWeights).filter((weights) => weights !== ''),
    close: async () => {
      await Promise.all([...all].map(({ process }) => process.close()));
    },
  };
}

function kill(trainer: Trainer, error?: DomainError): void {
  trainer.usable = false;
  trainer.process.kill(error);
}

/** Runs one evaluation on a trainer. Whatever ends it early (cancellation, a limit, a crash) ends the process too: training does not listen. */
async function runOn(
  trainer: Trainer,
  { spec, continued }: Job,
  { signal, observe, checkpoint }: JobContext,
  places: Omit<TrainerRequest, 'spec' | 'continued'>,
): Promise<evaluation.Outcome> {
  const onEvent = (event: TrainerEvent): void => {
    switch (event.type) {
      case 'observations':
        observe(event.observations.map(({ time, ...observation }) => ({ ...observation, time: new Date(time), attempt: 0 })));
        break;
      case 'checkpoint':
        checkpoint(event.checkpoint);
        break;
      case 'loaded':
        trainer.loadedWeights = event.weights;
    }
  };
  const stopWatching = watchLimits(trainer, spec.budget);
  try {
    const request: TrainerRequest = { spec: evaluation.EvaluationSpec.encode(spec).finish(), continued, ...places };
    return evaluation.Outcome.decode(await trainer.process.request('run', request, { signal, onEvent }));
  } catch (error) {
    // What went wrong unexpectedly may have left tensors and variables behind.
    if (signal.aborted || !isDomainError(error) || error.kind === 'INTERNAL') kill(trainer);
    throw error;
  } finally {
    stopWatching();
  }
}

/** Kills the trainer when it takes more time or memory than the budget allows. @returns what ends the watch */
function watchLimits(trainer: Trainer, budget: evaluation.Budget | undefined): () => void {
  const timers: NodeJS.Timeout[] = [];
  let watching = true;
  const exceeded = (reason: string, message: string): void => {
    if (watching) kill(trainer, new DomainError('RESOURCE_EXHAUSTED', message, { reason }));
  };
  const timeMs = fromDuration(budget?.time);
  if (timeMs > 0)
    timers.push(
      setTimeout(() => {
        exceeded('TIME_BUDGET_EXCEEDED', `it took more than ${timeMs} ms`);
      }, timeMs),
    );
  const memoryBytes = budget?.memoryBytes ?? 0;
  const { pid } = trainer.process;
  if (memoryBytes > 0 && pid !== undefined) {
    const watch = (): void => {
      void residentBytes(pid).then((bytes) => {
        if (bytes > memoryBytes) exceeded('MEMORY_BUDGET_EXCEEDED', `it took ${bytes} bytes, more than ${memoryBytes}`);
      });
    };
    timers.push(setInterval(watch, MEMORY_POLL_MS));
  }
  return () => {
    watching = false;
    for (const timer of timers) clearTimeout(timer);
  };
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
