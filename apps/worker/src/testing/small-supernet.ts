import { evaluation } from '@nat/contracts';

/** Trained and scored in milliseconds. */
export const SMALL_SUPERNET = evaluation.Supernet.create({
  wiring: 'FULLY_CONCAT',
  primitives: 'nat',
  dataset: 'mnist',
  channels: 2,
  layers: 3,
  seed: 5,
  imageBatch: 4,
  learningRate: 0.01,
  threads: 1,
});
