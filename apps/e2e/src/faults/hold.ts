import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Failpoint } from '@nat/base/failpoints';
import { until } from '../testing/processes.ts';

/** A process held at a point. */
export interface Held {
  readonly pid: number;
  /** It goes on, if it lives. */
  readonly release: () => void;
}

/** Waits until some process is held at the point. @param folder NAT_FAILPOINTS of all processes */
export async function holdAt(folder: string, point: Failpoint): Promise<Held> {
  const file = join(folder, point);
  const reached = `${file}.reached`;
  rmSync(reached, { force: true });
  writeFileSync(file, '');
  const release = (): void => {
    rmSync(file, { force: true });
    rmSync(reached, { force: true });
  };
  try {
    await until(`a process is at ${point}`, () => existsSync(reached) && readFileSync(reached, 'utf8') !== '');
    return { pid: Number(readFileSync(reached, 'utf8')), release };
  } catch (error) {
    release();
    throw error;
  }
}
