/** Bundled policies as files: a checkpoint, and a model card that says how it came about and what it is worth. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SchemeName } from '@nat/cells';
import { sha256 } from '@nat/tensor';
import type { RowContext } from '../../result-table.ts';
import { SIZE } from '../cifar10/children.ts';
import { judge, type HeldOutResult } from './held-out.ts';
import { learnedPolicy, type LearnedPolicy } from './learned-policy.ts';
import { CHILD_STEPS, CONFIG, EDITS, HELD_OUT, HELD_OUT_STEPS, policyId, SEED, SOURCES, TRIALS, UPDATES, type PolicySpace } from './spaces.ts';

/** Where the policy service looks for them. */
const BUNDLED = fileURLToPath(new URL('../../../../../policy/bundled', import.meta.url));
/** Updates between two points of a curve. */
const EVERY = 10;

/** Writes `<id>.safetensors` and `<id>.json` of policies whose rows are computed. */
export async function publishPolicies(
  which: readonly { readonly space: PolicySpace; readonly scheme: SchemeName }[],
  context: RowContext,
  directory = BUNDLED,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const { space, scheme } of which) {
    const learned = await learnedPolicy(space, scheme, SEED, context);
    const heldOut = await judge(learned.checkpoint, space, scheme, SEED, context);
    const id = policyId(space, scheme);
    const sum = sha256(learned.checkpoint);
    const path = join(directory, `${id}.json`);
    const createTime = (await createTimeOf(path, sum)) ?? new Date().toISOString();
    await writeFile(join(directory, `${id}.safetensors`), learned.checkpoint);
    await writeFile(path, cardText({ ...about(space, scheme, heldOut), sha256: sum, createTime, ...facts(learned, heldOut) }));
  }
}

/** JSON with lists of numbers on one line. */
function cardText(card: object): string {
  return `${JSON.stringify(card, null, 2).replaceAll(/\[[^[\]{}]*\]/g, (list) => list.replaceAll(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'))}\n`;
}

/** The time on the card that is there, if that card is of the same checkpoint. */
async function createTimeOf(path: string, sum: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  if (text === undefined) return undefined;
  const card = JSON.parse(text) as { readonly sha256?: unknown; readonly createTime?: unknown };
  return card.sha256 === sum && typeof card.createTime === 'string' ? card.createTime : undefined;
}

const NAMES: Readonly<Record<SchemeName, string>> = { nat: 'NAT', 'nat++': 'NAT++' };

function about(
  { cells, space }: PolicySpace,
  scheme: SchemeName,
  heldOut: HeldOutResult,
): { displayName: string; scheme: SchemeName; space: string; description: string } {
  const { channels, layers } = SIZE;
  const description = [
    `Learned from ${SOURCES * (1 + EDITS)} short trainings on CIFAR-10: ${SOURCES} sources of ${cells} and ${EDITS} random edits of each, as networks of ${channels} channels and ${layers} cells trained for ${CHILD_STEPS} steps; a reward model of these taught the policy.`,
    `${verdict(heldOut)} Its greedy results save ${percent(heldOut.savedParams)} of the parameters and ${percent(heldOut.savedMacs)} of the MACs on average.`,
    `Limits: so short a training rewards what learns fast, not what is best in the end; one learning with one seed; the reward model orders few enough children that it is partly luck; nothing was measured on larger networks, longer trainings, other data or other cells.`,
  ].join(' ');
  return { displayName: `${NAMES[scheme]} for ${cells}`, scheme, space, description };
}

/** What the held-out sources say, gain or none. */
function verdict({ difference: { mean, half }, source, result }: HeldOutResult): string {
  const numbers = `${signed(mean)} points of test accuracy (95 % interval ${signed(mean - half)} to ${signed(mean + half)}; mean ${percent(source, 1)} to ${percent(result, 1)})`;
  const after = `after ${HELD_OUT_STEPS} steps, on ${HELD_OUT} held-out sources`;
  if (mean - half > 0) return `It gains: ${numbers} ${after}.`;
  if (mean + half < 0) return `It loses: ${numbers} ${after}.`;
  return `No gain or loss shows: ${numbers} ${after}.`;
}

function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(2)}`;
}

function facts({ curve, rewardModel, edits }: LearnedPolicy, { edges, difference, ...heldOut }: HeldOutResult): object {
  const thinned = (values: readonly number[]): readonly number[] => values.filter((_, i) => i % EVERY === EVERY - 1).map(short);
  return {
    command: `nat reproduce policies --seed ${SEED} --publish`,
    data: 'CIFAR-10: 45,000 training images, 5,000 set aside of which 3,000 score children; the 10,000 test images score held-out sources and results',
    seeds: { sources: SEED, children: SEED, learning: SEED, heldOut: [SEED + 1, SEED + HELD_OUT] },
    encoder: CONFIG,
    steps: UPDATES,
    trialsAStep: TRIALS,
    observations: { sources: SOURCES, editsASource: EDITS, steps: CHILD_STEPS, meanChange: short(edits.mean), deviation: short(edits.deviation) },
    rewardModel: { ...rewardModel.options, agreement: short(rewardModel.agreement), heldBackPairs: rewardModel.pairs },
    curve: { everySteps: EVERY, predictedReward: thinned(curve.reward), entropy: thinned(curve.entropy) },
    heldOut: {
      sources: HELD_OUT,
      steps: HELD_OUT_STEPS,
      sourceAccuracy: short(heldOut.source),
      resultAccuracy: short(heldOut.result),
      difference: { mean: short(difference.mean), half: short(difference.half) },
      savedParams: short(heldOut.savedParams),
      savedMacs: short(heldOut.savedMacs),
      edges: Object.fromEntries(Object.entries(edges).map(([what, value]: [string, number]) => [what, short(value)])),
    },
  };
}

/** Four significant digits. */
function short(value: number): number {
  return Number(value.toPrecision(4));
}
