/**
 * A process to be killed: serves searches on a data directory until the search given has ended, and kills itself without warning at the point
 * given. Usage: node crash-process.ts '<CrashArguments as JSON>'; prints the final search as JSON.
 */
import { search as wire } from '@nat/contracts';
import { parseCheckpoint } from '@nat/nat';
import type { StartLearner } from '../learner/learner-process.ts';
import { startSearchHarness } from './search-harness.ts';

export type CrashPoint =
  /** The round is committed, its evaluations are not asked for. */
  | 'before-submit'
  /** The evaluator has them, no outcome is published. */
  | 'after-submit'
  /** Shards of weights are trained, their average is not asked for. */
  | 'before-average'
  /** The average is asked for, its outcome is not published. */
  | 'after-average'
  /** The outcomes are in the inbox, the learner has not begun. */
  | 'before-learn'
  /** The learner has learned, its state is not stored. */
  | 'after-learn'
  /** The state is being stored, the step is not committed. */
  | 'before-commit'
  /** The step is committed, the next round is not drawn. */
  | 'before-draw'
  /** A round is dropped, its evaluations are not cancelled. */
  | 'before-cancel';

export interface CrashArguments {
  readonly home: string;
  readonly dataDirectory: string;
  /** Protobuf JSON. */
  readonly spec: unknown;
  readonly searchId: string;
  /** Evaluations that never end. */
  readonly silent?: readonly string[];
  /** `step` is the round where the point is about evaluations. */
  readonly crash?: { readonly point: CrashPoint; readonly step: number };
}

const { home, dataDirectory, spec, searchId, silent = [], crash } = JSON.parse(process.argv[2] ?? '{}') as CrashArguments;

const die = (point: CrashPoint, step: number): void => {
  if (crash?.point === point && crash.step === step) process.kill(process.pid, 'SIGKILL');
};
const stepOf = (evaluationId: string): number => Number(evaluationId.split('.')[1]);
const isAverage = (evaluationId: string): boolean => evaluationId.includes('.average-');

/** Counts the steps that a learner has learned. */
const wrapLearner =
  (start: StartLearner): StartLearner =>
  async (session, checkpoint) => {
    const learner = await start(session, checkpoint);
    let step = parseCheckpoint(learner.opened).step;
    return {
      ...learner,
      draw: (round) => {
        // After a committed step comes a draw.
        die('before-draw', step);
        return learner.draw(round);
      },
      learn: async (trials, staleness) => {
        die('before-learn', step + 1);
        const learned = await learner.learn(trials, staleness);
        step += 1;
        die('after-learn', step);
        return learned;
      },
    };
  };

/** The first line of a learner's state names its step. */
const onPut = (bytes: Uint8Array): void => {
  const header = /^\{"search":.*"step":(\d+)\}\n/.exec(Buffer.from(bytes.subarray(0, 512)).toString('latin1'));
  if (header !== null) die('before-commit', Number(header[1]));
};

const harness = await startSearchHarness({
  home,
  dataDirectory,
  onPut,
  wrapLearner,
  evaluator: {
    outcomeOf: (id) => (silent.includes(id) ? 'silent' : undefined),
    onCancel: (id) => {
      die('before-cancel', stepOf(id));
    },
    onSubmit: (id) => {
      die('before-submit', stepOf(id));
      if (isAverage(id)) die('before-average', stepOf(id));
    },
    onAccepted: (id) => {
      die('after-submit', stepOf(id));
      if (isAverage(id)) die('after-average', stepOf(id));
    },
  },
});
// The request id makes asking again after a crash harmless.
const { name } = await harness.clients.searches.createSearch({
  parent: 'namespaces/default',
  spec: wire.SearchSpec.fromJSON(spec),
  searchId,
  requestId: 'the-one',
});
let final: wire.Search | undefined;
for await (const { event } of harness.clients.searches.watchSearch({ name })) if (event?.$case === 'search') final = event.value;
process.stdout.write(`${JSON.stringify(final)}\n`);
await harness.close();
process.exit(0);
