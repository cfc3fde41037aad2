import type { CifarFormat } from './cifar.ts';

/** CIFAR-100: two files; a record names one of 20 superclasses, then one of 100 classes, which networks learn. */
export const CIFAR100: CifarFormat = {
  name: 'cifar100',
  title: 'CIFAR-100',
  folder: 'cifar-100-binary',
  labels: [
    { what: 'coarse label', classes: 20 },
    { what: 'fine label', classes: 100 },
  ],
  mean: [0.50707516, 0.48654887, 0.44091784],
  deviation: [0.26733429, 0.25643846, 0.27615047],
  train: [{ file: 'train.bin', records: 50_000, md5: '6172c7755cfe09b2fe270c85cebc1b15' }],
  test: [{ file: 'test.bin', records: 10_000, md5: '4499cfba6c016c1be1438163640a0898' }],
};
