/** A policy for a space: a few dozen short trainings, their reward model, and a policy that learns from it. Each is made once and kept. */
import { formatArchitecture, type SchemeName } from '@nat/cells';
import { RandomStream } from '@nat/base/random';
import { fitModel, teachPolicy, type LearningCurve } from '../../../reward-model/teach-policy.ts';
import type { Observation, RewardModelOptions } from '../../../reward-model/reward-model.ts';
import { z } from 'zod';
import type { RowContext } from '../../result-table.ts';
import { childOf, SIZE } from '../cifar10/children.ts';
import { CHILD_STEPS, childrenOf, CONFIG, HYPERPARAMETERS, TRIALS, UPDATES, type PolicySpace } from './spaces.ts';

export interface LearnedPolicy {
  /** As `parseCheckpoint` reads it. */
  readonly checkpoint: Uint8Array;
  readonly curve: LearningCurve;
  readonly rewardModel: { readonly options: RewardModelOptions; readonly agreement: number; readonly pairs: number };
  /** Mean and standard deviation over children of validation accuracy less that of their source. */
  readonly edits: { readonly mean: number; readonly deviation: number };
}

const curveSchema = z.strictObject({ reward: z.array(z.number()), entropy: z.array(z.number()) });

/** The policy of a space and scheme. Both schemes learn from the same children. */
export async function learnedPolicy(space: PolicySpace, scheme: SchemeName, seed: number, context: RowContext): Promise<LearnedPolicy> {
  const observations = await observe(space, seed, context);
  const { model, chosen } = fitModel(observations, RandomStream.of(seed, 'folds'));
  const name = `${space.id}-${scheme}-seed${seed}`;
  const checkpoint = await context.artifact(`${name}.safetensors`, async () => {
    context.note(`teaching ${scheme} by a model that orders ${(100 * chosen.agreement).toFixed(0)} % of ${chosen.pairs} held-back pairs rightly`);
    const spec = {
      space: space.space,
      scheme,
      mode: 'cost-masked',
      placement: SIZE,
      config: CONFIG,
      seed,
      batch: TRIALS,
      hyperparameters: HYPERPARAMETERS,
      threads: context.threads,
    } as const;
    const taught = await teachPolicy(spec, model, UPDATES);
    // Before the checkpoint: whoever finds that finds the curve, too.
    await context.artifact(`${name}.curve.json`, () => Promise.resolve(Buffer.from(JSON.stringify(taught.curve))));
    return taught.checkpoint;
  });
  const kept = await context.artifact(`${name}.curve.json`, () => Promise.reject(new RangeError(`${name}.curve.json was removed: start over with --fresh`)));
  return {
    checkpoint,
    curve: curveSchema.parse(JSON.parse(Buffer.from(kept).toString('utf8'))),
    rewardModel: chosen,
    edits: changes(observations),
  };
}

async function observe(space: PolicySpace, seed: number, context: RowContext): Promise<readonly Observation[]> {
  const children = childrenOf(space, seed);
  const observations: Observation[] = [];
  for (const { source, architecture } of children) {
    const { validation } = await childOf({ architecture, seed, steps: CHILD_STEPS, test: false }, context);
    observations.push({ source, architecture, value: validation });
    const kind = formatArchitecture(architecture).text === source ? 'source' : 'edit';
    context.note(`child ${observations.length}/${children.length} (${kind}): ${(100 * validation).toFixed(1)} %`);
  }
  return observations;
}

function changes(observations: readonly Observation[]): LearnedPolicy['edits'] {
  const sources = new Map(
    observations.flatMap(({ source, architecture, value }) => (formatArchitecture(architecture).text === source ? [[source, value]] : [])),
  );
  const values = observations.flatMap(({ source, architecture, value }) =>
    formatArchitecture(architecture).text === source ? [] : [value - sources.get(source!)!],
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)) };
}
