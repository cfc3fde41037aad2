/** What NAT makes of an architecture when its evaluations are children trained from scratch, of which a few dozen can be had. */
import { formatArchitecture, readArchitecture, zooArchitecture, type Architecture, type SchemeName } from '@nat/cells';
import { EDGE_POLICY, searchHyperparameters } from '@nat/nat';
import { searchWithRewardModel } from '../../../reward-model/model-based-search.ts';
import { z } from 'zod';
import type { RowContext } from '../../result-table.ts';
import { childOf, SIZE, STEPS } from './children.ts';

/** Seed of the search and its children; the rows' own children have other seeds. */
const SEED = 0;
export const EVALUATIONS = 24;
const ROUNDS = 3;
const FROM_MODEL = { steps: 150, batch: 64 };
export const SEARCH_STEPS = 200;
export const FINALISTS = 4;

const transformSchema = z.strictObject({ result: z.string(), agreement: z.number() });

export interface LearnedTransform {
  readonly result: Architecture;
  /** Share of pairs of held-back children that the reward model orders rightly. */
  readonly agreement: number;
}

/**
 * Short trainings, a policy that learns from their reward model, and a final between its result, others that the model likes and the source, decided on
 * validation images after training of full length. No test image is looked at.
 */
export async function learnedTransform(source: string, scheme: SchemeName, context: RowContext): Promise<LearnedTransform> {
  const bytes = await context.artifact(`transform-${scheme}.json`, async () => {
    const found = await search(source, scheme, context);
    return Buffer.from(JSON.stringify({ result: formatArchitecture(found.result).text, agreement: found.agreement }));
  });
  const { result, agreement } = transformSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  return { result: readArchitecture(result, 'result'), agreement };
}

async function search(source: string, scheme: SchemeName, context: RowContext): Promise<LearnedTransform> {
  const hyperparameters = searchHyperparameters({ preset: 'tabular', steps: FROM_MODEL.steps, baseline: 'self-critical' });
  const { candidates, chosen } = await searchWithRewardModel({
    spec: {
      space: source,
      scheme,
      mode: 'cost-masked',
      placement: SIZE,
      config: EDGE_POLICY,
      seed: SEED,
      batch: FROM_MODEL.batch,
      hyperparameters,
      threads: context.threads,
    },
    evaluations: EVALUATIONS,
    rounds: ROUNDS,
    policyUpdates: FROM_MODEL.steps,
    evaluate: async (architecture, done) => {
      const { validation } = await childOf({ architecture, seed: SEED, steps: SEARCH_STEPS, test: false }, context);
      context.note(`child ${done + 1}/${EVALUATIONS}: ${(100 * validation).toFixed(1)} %`);
      return validation;
    },
  });
  let best: { readonly architecture: Architecture; readonly validation: number } | undefined;
  for (const architecture of [zooArchitecture(source), ...candidates.slice(0, FINALISTS)]) {
    const { validation } = await childOf({ architecture, seed: SEED, steps: STEPS, test: false }, context);
    context.note(`finalist: ${(100 * validation).toFixed(1)} %`);
    if (best === undefined || validation > best.validation) best = { architecture, validation };
  }
  return { result: best!.architecture, agreement: chosen.agreement };
}
