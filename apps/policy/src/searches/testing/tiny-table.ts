import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NASBENCH201_OPERATIONS } from '@nat/cells';
import { RandomStream } from '@nat/base/random';
import { valueOf } from './fake-evaluator.ts';

/** Writes a nasbench201.csv of random cells, a tenth of them held out, so that searches have sources; its values are the fake evaluator's. */
export async function writeTinyTable(directory: string, cells = 60): Promise<void> {
  const stream = RandomStream.of('tiny table');
  const names = NASBENCH201_OPERATIONS.map(({ benchmark }) => benchmark);
  const texts = new Set<string>();
  while (texts.size < cells) {
    const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => names[stream.integer(names.length)]!);
    texts.add(`|${a}~0|+|${b}~0|${c}~1|+|${d}~0|${e}~1|${f}~2|`);
  }
  const header = 'index,arch,iso_class,params,flops,c10_valid_12,c10_valid_200,c100_valid_12,in16_valid_12';
  const rows = [...texts].map((text, i) => `${i},${text},${i},1000,1000,50,${valueOf(text)},50,50`);
  await writeFile(join(directory, 'nasbench201.csv'), [header, ...rows, ''].join('\n'));
}
