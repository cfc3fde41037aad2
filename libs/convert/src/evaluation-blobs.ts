import type { evaluation } from '@nat/contracts';

/** Keys of the blobs that an outcome names: they must stay for as long as it does. */
export function blobsOf({ weights, values }: evaluation.Succeeded): readonly string[] {
  const named = [weights, ...values.flatMap(({ sourceReport, resultReport }) => [...blobsOfReport(sourceReport), ...blobsOfReport(resultReport)])];
  return named.filter((key) => key !== '');
}

export function blobsOfReport(report: evaluation.ChildReport | undefined): readonly string[] {
  return [report?.weights ?? '', report?.checkpoint ?? ''].filter((key) => key !== '');
}

/** Key of the weights of a supernet that a specification scores or trains from; empty where there are none. */
export function weightsOfSpec({ kind }: evaluation.EvaluationSpec): string {
  return kind?.$case === 'sharedWeights' || kind?.$case === 'trainShard' ? kind.value.weights : '';
}

/** Keys of the blobs that a specification starts from. */
export function blobsOfSpec(spec: evaluation.EvaluationSpec): readonly string[] {
  const { kind, resumeFrom } = spec;
  const named = (): readonly string[] => {
    switch (kind?.$case) {
      case 'sharedWeights':
      case 'trainShard':
        return [weightsOfSpec(spec)];
      case 'average':
        return kind.value.weights;
      case 'fromScratch':
        return [kind.value.inherit?.weights ?? ''];
      case 'tabular':
      case undefined:
        return [];
    }
  };
  return [resumeFrom, ...named()].filter((key) => key !== '');
}
