import { describe, expect, it } from 'vitest';
import { algorithm1, type LearnedStep, type Round, type SearchPorts } from './algorithm-1.ts';
import { candidatesOfRound, type CandidateOutcome, type SampledTrial } from './round.ts';

interface FakeEvaluation {
  readonly outcomes: readonly CandidateOutcome[];
}
type FakeStep = LearnedStep<Round, string, FakeEvaluation, string>;

const trialsOf = (round: number): readonly SampledTrial[] =>
  [0, 1].map((index) => ({ index, source: `s${round}`, actions: [], result: `r${round}.${index}`, logProb: -1 }));

/** Ports that note what they are asked, in order; evaluations end at once, or when the test says so. */
class FakeSearch {
  readonly calls: string[] = [];
  readonly steps: FakeStep[] = [];
  readonly abandoned: number[] = [];
  readonly stopped: number[] = [];
  readonly #held = new Map<number, PromiseWithResolvers<undefined>>();
  #failing: number | undefined;

  hold(...rounds: readonly number[]): void {
    for (const round of rounds) this.#held.set(round, Promise.withResolvers());
  }

  release(round: number): void {
    this.#held.get(round)?.resolve(undefined);
  }

  failAll(round: number): void {
    this.#failing = round;
  }

  readonly ports: SearchPorts<Round, string, FakeEvaluation, string> = {
    sample: (round) => {
      this.calls.push(`sample ${round}`);
      return Promise.resolve(trialsOf(round));
    },
    commitRound: (round) => {
      this.calls.push(`commit round ${round.number} of policy ${round.policyStep}`);
      return Promise.resolve(round);
    },
    trainWeights: ({ number }) => {
      this.calls.push(`train weights ${number}`);
      return Promise.resolve(`w${number}`);
    },
    evaluate: async ({ number, candidates }, weights, signal) => {
      this.calls.push(`evaluate ${number} with ${weights}`);
      const stop = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => {
        this.stopped.push(number);
        stop.reject(signal.reason as Error);
      });
      await Promise.race([this.#held.get(number)?.promise, stop.promise]);
      // Sources are worth 1, their transforms 3.
      return { outcomes: candidates.texts.map((text) => (number === this.#failing ? { failure: 'LOST: gone' } : { value: text.startsWith('s') ? 1 : 3 })) };
    },
    learn: (trials, staleness) => {
      this.calls.push(`learn ${trials[0]!.trial.source} stale ${staleness} reward ${trials[0]!.reward}`);
      return Promise.resolve('theta');
    },
    commitStep: (step) => {
      this.calls.push(`commit step ${step.step}`);
      this.steps.push(step);
      return Promise.resolve();
    },
    abandon: (rounds) => {
      this.abandoned.push(...rounds.map(({ number }) => number));
      return Promise.resolve();
    },
  };
}

describe('Algorithm 1', () => {
  it('alternates, with one round in flight: sample, commit, train w, evaluate, learn, commit', async () => {
    const search = new FakeSearch();
    await algorithm1(search.ports, { steps: 2, roundsInFlight: 1, maxStaleness: 0 });
    expect(search.calls).toEqual(
      [1, 2].flatMap((step) => [
        `sample ${step}`,
        `commit round ${step} of policy ${step - 1}`,
        `train weights ${step}`,
        `evaluate ${step} with w${step}`,
        `learn s${step} stale 0 reward 2`,
        `commit step ${step}`,
      ]),
    );
    expect(search.steps.map(({ weights, learned, dropped }) => ({ weights, learned, dropped }))).toEqual([
      { weights: 'w1', learned: 'theta', dropped: [] },
      { weights: 'w2', learned: 'theta', dropped: [] },
    ]);
  });

  it('goes on with the rounds that were committed, without sampling them again', async () => {
    const search = new FakeSearch();
    const open: Round = { number: 5, policyStep: 4, trials: trialsOf(5), candidates: candidatesOfRound(trialsOf(5)) };
    await algorithm1(search.ports, { steps: 6, roundsInFlight: 1, maxStaleness: 0, progress: { step: 4, lastRound: 5, open: [open] } });
    expect(search.calls.filter((call) => call.startsWith('sample') || call.startsWith('learn'))).toEqual([
      'learn s5 stale 0 reward 2',
      'sample 6',
      'learn s6 stale 0 reward 2',
    ]);
  });

  it('learns from whichever round is evaluated first, of several the oldest, and samples no more than there are steps left', async () => {
    const search = new FakeSearch();
    search.hold(1);
    const done = algorithm1(search.ports, { steps: 4, roundsInFlight: 3, maxStaleness: 10 });
    await expect.poll(() => search.steps.length).toBe(3);
    search.release(1);
    await done;
    expect(search.steps.map(({ round, staleness }) => [round.number, staleness])).toEqual([[2, 0], [3, 1], [4, 1], [1, 3]]); // prettier-ignore
    expect(search.calls.filter((call) => call.startsWith('sample'))).toHaveLength(4);
  });

  it('drops a round past the bound on staleness, in the step that made it so, and samples another', async () => {
    const search = new FakeSearch();
    search.hold(1);
    await algorithm1(search.ports, { steps: 4, roundsInFlight: 2, maxStaleness: 1 });
    expect(search.steps.map(({ round }) => round.number)).toEqual([2, 3, 4, 5]);
    expect(search.steps.map(({ dropped }) => dropped.map(({ number }) => number))).toEqual([[], [1], [], []]);
    expect([search.abandoned, search.stopped]).toEqual([[1], [1]]);
  });

  it('ends where nothing of a round was evaluated, and leaves nothing running', async () => {
    const search = new FakeSearch();
    search.hold(1, 3);
    search.failAll(2);
    await expect(algorithm1(search.ports, { steps: 4, roundsInFlight: 3, maxStaleness: 10 })).rejects.toMatchObject({
      reason: 'NOTHING_EVALUATED',
      message: expect.stringContaining('LOST: gone') as unknown,
    });
    expect(search.steps).toEqual([]);
    expect(search.stopped).toEqual([1, 3]);
  });

  it('ends with the error of an evaluation', async () => {
    const search = new FakeSearch();
    const failing = { ...search.ports, evaluate: () => Promise.reject(new Error('refused')) };
    await expect(algorithm1(failing, { steps: 4, roundsInFlight: 2, maxStaleness: 10 })).rejects.toThrow('refused');
  });
});
