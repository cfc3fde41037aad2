import type { evaluation } from '@nat/contracts';

/** TensorFlow threads that an evaluation runs with: as its supernet or recipe says, else one, so that a seed repeats on every machine. Undefined: it uses none. */
export function threadsOf({ kind }: evaluation.EvaluationSpec): number | undefined {
  switch (kind?.$case) {
    case 'sharedWeights':
    case 'trainShard':
      return kind.value.supernet?.threads ?? 1;
    case 'fromScratch':
      return kind.value.recipe?.threads ?? 1;
    case 'tabular':
    case 'average':
    case undefined:
      return undefined;
  }
}
