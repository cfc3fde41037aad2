/** Policy updates at the official size, ours and PyTorch's in turns, each in a process of its own. */
import { fileURLToPath } from 'node:url';
import { officialSpace, randomOfficialArchitecture, writeGenotype } from '@nat/architecture';
import { RandomStream } from '@nat/random';
import { ensureTorch, TORCH_VERSIONS } from '../torch.ts';
import { inTurns, type Measured } from '../turns.ts';

/** Trials of an update: random cells of the space `darts`, and an action for each of their edges. */
export interface UpdateSettings {
  readonly genotypes: readonly string[];
  /** [trials][edges], 0: null, 1: same, 2: skip. */
  readonly actions: readonly (readonly number[])[];
}

export interface UpdateOptions {
  /** Trials an update. */
  readonly batch: number;
  readonly threads: number;
  /** Updates measured, after two that warm up. */
  readonly steps: number;
}

const WARM_UP = 2;

export async function compareUpdates({ batch, threads, steps }: UpdateOptions): Promise<{ ours: Measured; peers: Measured[] }> {
  const interpreters: string[] = [];
  for (const version of TORCH_VERSIONS) interpreters.push(await ensureTorch(version));
  const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
  const stream = RandomStream.of(0, 'update');
  const sources = Array.from({ length: batch }, () => randomOfficialArchitecture(space, stream));
  // Without the last action: a skip is not allowed on every edge, what is there is.
  const actions = sources.map(({ cells }) => cells.flatMap(({ edges }) => edges.map(() => stream.integer(2))));
  const ours: UpdateSettings = { genotypes: sources.map(writeGenotype), actions };
  const cells = sources.map((source) =>
    source.cells.map(({ edges }) => edges.map(({ from, to, operation }) => [space.primitives.indexOf(operation.name as never), from, to])),
  );
  const torch = JSON.stringify({ primitives: space.primitives.length, cells, actions });
  const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const [mine, ...peers] = await inTurns(
    [
      { command: process.execPath, args: [path('update-main.ts'), String(threads), JSON.stringify(ours)] },
      ...interpreters.map((command) => ({ command, args: [path('torch_update.py'), String(threads), torch] })),
    ],
    { warmUp: WARM_UP, pieces: steps },
  );
  return { ours: mine!, peers };
}
