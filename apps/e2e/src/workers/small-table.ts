import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HEADER = 'index,iso_class,arch,params,flops,c10_valid_12,c10_valid_200,c100_valid_12,in16_valid_12';

/** A data directory with a small table in the format of the real one, all rows on one edge's operation. */
export async function smallTable(): Promise<{ readonly dataDir: string; readonly cells: readonly string[]; readonly dispose: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'nat-data-'));
  const cells = ['nor_conv_3x3', 'nor_conv_1x1', 'skip_connect', 'none'].map((operation) => `|${operation}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|`);
  const rows = cells.map((cell, i) => `${i},${i},${cell},${1 + i},${10 + i},${80 + i},${90 + i},50,40`);
  await writeFile(join(dataDir, 'nasbench201.csv'), `${[HEADER, ...rows].join('\n')}\n`);
  return { dataDir, cells, dispose: () => rm(dataDir, { recursive: true, force: true }) };
}
