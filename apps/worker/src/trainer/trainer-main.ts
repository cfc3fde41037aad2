/** The process that holds TensorFlow: started by a worker, runs one evaluation after the other, ends with its worker. Argument: its thread count. */
import { evaluation } from '@nat/contracts';
import { serveParent } from '@nat/base/process';
import type { TrainerProtocol } from './protocol.ts';
import { createTraining, type Training } from './training.ts';

const threads = Number(process.argv[2]);
let training: Training | undefined;

serveParent<TrainerProtocol>({
  run: async ({ spec, continued, blobUrl, dataDir, checkpointMs }, { event }) => {
    try {
      training ??= await createTraining({ threads, blobUrl, dataDir, checkpointMs });
      const outcome = await training.run(evaluation.EvaluationSpec.decode(spec), {
        continued,
        observe: (observations) => {
          event({ type: 'observations', observations });
        },
        checkpoint: (checkpoint) => {
          event({ type: 'checkpoint', checkpoint });
        },
      });
      return evaluation.Outcome.encode(outcome).finish();
    } finally {
      event({ type: 'loaded', weights: training?.loadedWeights() ?? '' });
    }
  },
});
