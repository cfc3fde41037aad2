import type { evaluation } from '@nat/contracts';

/** Keys of the blobs that an outcome names: they stay for as long as it does. */
export function blobsOf({ weights, results }: evaluation.Succeeded): readonly string[] {
  return [...present(weights), ...results.flatMap(({ report }) => blobsOfReport(report))];
}

/** Keys of the blobs that the report of a child names. */
export function blobsOfReport(report: evaluation.TrainingReport | undefined): readonly string[] {
  return present(report?.weights, report?.checkpoint);
}

/** Key of the weights of a supernet that a specification scores or trains from; undefined where there are none. */
export function weightsOfSpec({ kind }: evaluation.EvaluationSpec): string | undefined {
  return kind?.$case === 'sharedWeights' || kind?.$case === 'trainShard' ? kind.value.weights : undefined;
}

/** Keys of the blobs that a specification starts from. */
export function blobsOfSpec(spec: evaluation.EvaluationSpec): readonly string[] {
  const { kind, resumeFrom } = spec;
  switch (kind?.$case) {
    case 'sharedWeights':
    case 'trainShard':
      return present(resumeFrom, kind.value.weights);
    case 'average':
      return [...present(resumeFrom), ...kind.value.weights];
    case 'fromScratch':
      return present(resumeFrom, kind.value.inherit?.weights);
    case 'tabular':
    case undefined:
      return present(resumeFrom);
  }
}

function present(...keys: readonly (string | undefined)[]): readonly string[] {
  return keys.filter((key) => key !== undefined);
}
