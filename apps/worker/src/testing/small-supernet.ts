import { evaluation } from '@nat/contracts';

/** Trained and scored in milliseconds. */
export const SMALL_SUPERNET = evaluation.Supernet.create({
  wiring: evaluation.Wiring.WIRING_FULLY_CONCAT,
  scheme: 'SCHEME_NAT',
  dataset: 'mnist',
  channels: 2,
  layers: 3,
  seed: 5,
  imageBatch: 4,
  optimizer: { learningRate: 0.01 },
  threads: 1,
});
