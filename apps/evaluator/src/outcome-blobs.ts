import type { evaluation } from '@nat/contracts';

/** Keys of the blobs that an outcome names: they must stay for as long as it does. */
export function blobsOf({ weights, values }: evaluation.Succeeded): readonly string[] {
  const reports = values.flatMap(({ sourceReport, resultReport }) => [sourceReport, resultReport]);
  const named = [weights, ...reports.flatMap((report) => [report?.weights ?? '', report?.checkpoint ?? ''])];
  return named.filter((key) => key !== '');
}
