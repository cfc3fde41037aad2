/** The process that holds TensorFlow: forked by a worker, runs one evaluation after the other, ends with its worker. Argument: its thread count. */
import { evaluation } from '@nat/contracts';
import { toDomainError } from '@nat/base/errors';
import { createTraining, type Training } from './training.ts';
import type { TrainerMessage, TrainerRequest } from './protocol.ts';

const threads = Number(process.argv[2]);
let training: Training | undefined;

const send = (message: TrainerMessage): void => {
  process.send?.(message);
};

async function answer(request: TrainerRequest): Promise<TrainerMessage> {
  try {
    const { blobUrl, dataDir, checkpointMs } = request;
    training ??= await createTraining({ threads, blobUrl, dataDir, checkpointMs });
    const outcome = await training.run(evaluation.EvaluationSpec.decode(request.spec), {
      continued: request.continued,
      observe: (observations) => {
        send({ type: 'observations', observations });
      },
      checkpoint: (checkpoint) => {
        send({ type: 'checkpoint', checkpoint });
      },
    });
    return { type: 'finished', outcome: evaluation.Outcome.encode(outcome).finish(), loadedWeights: training.loadedWeights() };
  } catch (error) {
    const { kind, reason, message, cause } = toDomainError(error);
    const said = kind === 'INTERNAL' && cause instanceof Error ? cause.message : message;
    return { type: 'failed', kind, reason, message: said, loadedWeights: training?.loadedWeights() ?? '' };
  }
}

process.on('message', (request: TrainerRequest) => {
  void answer(request).then(send);
});
// The worker is gone, and with it whoever wants the result. Signals are the worker's to handle: a drain lets training finish.
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
