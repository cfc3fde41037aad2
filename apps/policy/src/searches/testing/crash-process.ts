/**
 * A process to be killed: serves searches on a data directory until the search given has ended, and kills itself without warning at the point
 * given. Usage: node crash-process.ts '<CrashArguments as JSON>'; prints the final search as JSON.
 */
import { type search as wire } from '@nat/contracts';
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
  | 'before-draw';

export interface CrashArguments {
  readonly home: string;
  readonly dataDirectory: string;
  readonly spec: Partial<wire.SearchSpec>;
  readonly searchId: string;
  readonly crash?: { readonly point: CrashPoint; readonly step: number };
}

const { home, dataDirectory, spec, searchId, crash } = JSON.parse(process.argv[2] ?? '{}') as CrashArguments;

const die = (point: CrashPoint, step: number): void => {
  if (crash?.point === point && crash.step === step) process.kill(process.pid, 'SIGKILL');
};
const stepOf = (evaluationId: string): number => Number(evaluationId.split('.')[1]);
const isAverage = (evaluationId: string): boolean => evaluationId.includes('.average-');

/** Counts the steps that a learner is asked for. */
const wrapLearner =
  (start: StartLearner): StartLearner =>
  async (session, checkpoint) => {
    const learner = await start(session, checkpoint);
    let step = 0;
    return {
      ...learner,
      draw: (drawn) => {
        step = drawn;
        // A step after a committed one draws first.
        die('before-draw', drawn - 1);
        return learner.draw(drawn);
      },
      learn: async (trials) => {
        die('before-learn', step);
        const learned = await learner.learn(trials);
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
const { name } = await harness.clients.searches.createSearch({ parent: 'namespaces/default', spec, searchId, requestId: 'the-one' });
let final: wire.Search | undefined;
for await (const { event } of harness.clients.searches.watchSearch({ name })) if (event?.$case === 'search') final = event.value;
process.stdout.write(`${JSON.stringify(final)}\n`);
await harness.close();
process.exit(0);
