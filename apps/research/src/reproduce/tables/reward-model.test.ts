import { REWARD_MODEL, RIDGE, type RewardModelOptions } from '../../reward-model/reward-model.ts';
import { describe, expect, it } from 'vitest';
import { readCommitted } from '../committed.ts';
import { REWARD_MODEL_SETTINGS, rewardModel } from './reward-model.ts';

describe('the settings in use', () => {
  it('are those of the highest published mean gain, of all and of the linear ones', async () => {
    const rows = await readCommitted(rewardModel);
    const compared = REWARD_MODEL_SETTINGS.map(({ row, measure, options }) => {
      const gains = rows.filter(({ name }) => name === row).map(({ numbers }) => numbers[measure]!.value);
      expect(gains.length, row).toBe(5);
      return { options, gain: gains.reduce((sum, gain) => sum + gain, 0) / gains.length };
    });
    const best = (among: typeof compared): RewardModelOptions =>
      among.reduce((a, b) => (b.gain > a.gain || (b.gain === a.gain && b.options.lambda > a.options.lambda) ? b : a)).options;
    expect(REWARD_MODEL).toEqual(best(compared));
    expect(RIDGE).toEqual(best(compared.filter(({ options }) => options.kernel === 'linear')));
  });
});
