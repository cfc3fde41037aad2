/** One policy update of ours at a time: update-main.ts THREADS SETTINGS, a line on standard input for each update. As torch_update.py beside it. */
import { officialSpace, readGenotype } from '@nat/cells';
import { createCheckpoint, Learner, officialGcnPolicy, createEnvironment, presets } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { serveMeasurements } from '../measure/measured-program.ts';
import type { UpdateSettings } from './update.ts';

const [threads, settings] = process.argv.slice(2);
const { genotypes, actions } = JSON.parse(settings!) as UpdateSettings;
const { primitives } = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
const checkpoint = createCheckpoint(officialGcnPolicy('nat', primitives), RandomStream.of(0));
const learner = await Learner.restore(checkpoint, presets.nat, { threads: Number(threads) });
const random = RandomStream.of(0, 'rewards');
const trials = genotypes.map((genotype, i) => ({
  environment: createEnvironment(readGenotype(genotype), { scheme: 'nat', mode: 'official' }),
  actions: actions[i]!,
  reward: random.normal(),
}));

await serveMeasurements(process.versions.node, () => learner.step(trials).loss);
