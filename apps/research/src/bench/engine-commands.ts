/** `nat bench memory` and `nat bench data`: what the learning engine needs beside its steps. */
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { Command, Option } from 'commander';
import { type CommandContext, datasetName, integer } from '@nat/console';
import { compareData } from './data/data.ts';
import { measureMemory, type MemoryOptions } from './memory.ts';

export function memoryCommand({ terminal }: CommandContext): Command {
  return new Command('memory')
    .description('Resident memory over many training steps of a supernet on MNIST, along another path in each.')
    .option('--channels <n>', 'first channels', integer(2, 1024), 4)
    .option('--layers <n>', 'cells', integer(1, 100), 2)
    .option('--batch <n>', 'images a step', integer(1, 4096), 16)
    .option('--threads <n>', 'TensorFlow threads', integer(1, 256), 1)
    .option('--steps <n>', 'training steps', integer(20), 10_000)
    .option('--json', 'print {"points","mbPer1000Steps"}')
    .action(async ({ json, ...options }: MemoryOptions & { json?: true }) => {
      const report = await measureMemory(options, ({ step, rssMb, heapMb, tensors }) => {
        if (json !== true) terminal.out(`step ${step}  ${rssMb.toFixed(0)} MB resident  ${heapMb.toFixed(0)} MB of them JavaScript's  ${tensors} tensors`);
      });
      if (json === true) terminal.out(JSON.stringify(report));
      else terminal.out(`${report.mbPer1000Steps.toFixed(2)} MB more every 1,000 steps, over the second half`);
    });
}

export function dataCommand({ terminal, environment }: CommandContext): Command {
  return new Command('data')
    .description("Augmented training batches beside torchvision's, epoch by epoch in turns.")
    .addOption(new Option('--peer <name>', 'what it is compared with').choices(['torchvision']).default('torchvision'))
    .option('--dataset <name>', `cifar10 or a folder tree of ${DATASET_CHOICES}`, datasetName, 'cifar10')
    .option('--batch <n>', 'images a batch', integer(1, 4096), 96)
    .option('--threads <n>', 'threads that decode files, and processes of torchvision', integer(1, 256), 2)
    .option('--epochs <n>', 'epochs measured', integer(1, 1000), 7)
    .option('--json', 'print {"ours","peer","ratio"}')
    .action(async ({ json, ...options }: { dataset: DatasetName; batch: number; threads: number; epochs: number; json?: true }) => {
      const { dataset, batch, threads, epochs } = options;
      const { ours, peer } = await compareData({ dataset, batch, threads, epochs, directory: environment.dataDirectory });
      const ratio = ours.medianMs / peer.medianMs;
      if (json === true) {
        terminal.out(JSON.stringify({ ours, peer: { name: 'torchvision', ...peer }, ratio }));
        return;
      }
      for (const { name, version, imagesPerSecond, medianMs } of [
        { name: 'ours', ...ours },
        { name: 'torchvision', ...peer },
      ]) {
        terminal.out(
          `${name.padEnd(12)} ${version.padEnd(16)} ${imagesPerSecond.toFixed(0).padStart(8)} images/s  ${medianMs.toFixed(0).padStart(6)} ms an epoch`,
        );
      }
      terminal.out(`ratio ${ratio.toFixed(2)} (our time over the peer's)`);
    });
}
