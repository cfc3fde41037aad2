/** Policy updates at the official size, ours and PyTorch's interleaved, each in a process of its own. */
import { officialSpace, randomOfficialArchitecture, writeGenotype } from '@nat/cells';
import { RandomStream } from '@nat/base/random';
import { compareWithTorch, type TorchComparison } from '../measure/torch.ts';

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

export function compareUpdates({ batch, threads, steps }: UpdateOptions): Promise<TorchComparison> {
  const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
  const stream = RandomStream.of(0, 'update');
  const sources = Array.from({ length: batch }, () => randomOfficialArchitecture(space, stream));
  // Without the last action: a skip is not allowed on every edge, what is there is.
  const actions = sources.map(({ cells }) => cells.flatMap(({ edges }) => edges.map(() => stream.integer(2))));
  const ours: UpdateSettings = { genotypes: sources.map(writeGenotype), actions };
  const cells = sources.map((source) =>
    source.cells.map(({ edges }) => edges.map(({ from, to, operation }) => [space.primitives.indexOf(operation.name as never), from, to])),
  );
  return compareWithTorch({
    ours: { program: new URL('update-main.ts', import.meta.url), settings: ours },
    torch: { program: new URL('torch_update.py', import.meta.url), settings: { primitives: space.primitives.length, cells, actions } },
    threads,
    steps,
  });
}
