import type { CifarFormat } from './cifar.ts';

const RECORDS = 10_000;

/** CIFAR-10: six files of 10,000 records. */
export const CIFAR10: CifarFormat = {
  name: 'cifar10',
  title: 'CIFAR-10',
  folder: 'cifar-10-batches-bin',
  labels: [{ what: 'label', classes: 10 }],
  mean: [0.49139968, 0.48215827, 0.44653124],
  deviation: [0.24703233, 0.24348505, 0.26158768],
  train: [
    { file: 'data_batch_1.bin', records: RECORDS, md5: '5dd7e06a14cb22eb9f671a540d1b7c25' },
    { file: 'data_batch_2.bin', records: RECORDS, md5: '5ea93a67294ea407fff1d09f752e9692' },
    { file: 'data_batch_3.bin', records: RECORDS, md5: '942cd6a4bcdd0dd3c604fbe906cb4421' },
    { file: 'data_batch_4.bin', records: RECORDS, md5: 'ae636b3ba5c66a11e91e8cb52e771fcb' },
    { file: 'data_batch_5.bin', records: RECORDS, md5: '53f37980c15c3d472c316c40844f3f0d' },
  ],
  test: [{ file: 'test_batch.bin', records: RECORDS, md5: '803d5f7f4d78ea53de84dbe85f74fb6d' }],
};
