/** `nat bench step`, `score` and `update`: the three kinds of work of a search, each beside PyTorch. */
import { Command, Option } from 'commander';
import { type CommandContext, integer } from '@nat/console';
import { compareSteps, type StepSettings } from './step/step.ts';
import type { TorchComparison } from './measure/torch.ts';
import { compareUpdates } from './update/update.ts';

interface NetworkFlags {
  readonly channels: number;
  readonly layers: number;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
  readonly json?: true;
}

export function stepCommand(context: CommandContext): Command {
  return supernetCommand(context, 'step', "A training step of the supernet (DARTS) beside PyTorch's, step by step in turns.", 'train');
}

export function scoreCommand(context: CommandContext): Command {
  return supernetCommand(context, 'score', 'Scoring an architecture (DARTS) on shared weights, batch by batch in turns with PyTorch.', 'score');
}

function supernetCommand({ terminal }: CommandContext, name: string, description: string, work: StepSettings['work']): Command {
  return comparison(name, description)
    .option('--channels <n>', 'first channels', integer(1, 1024), 20)
    .option('--layers <n>', 'cells', integer(1, 100), 8)
    .option('--batch <n>', 'images a step', integer(1, 4096), 64)
    .action(async ({ json, ...settings }: NetworkFlags) => {
      report(terminal, await compareSteps({ network: 'DARTS', work, ...settings }), json === true);
    });
}

export function updateCommand({ terminal }: CommandContext): Command {
  return comparison('update', "An update of the official policy network (100/1024/100) beside PyTorch's, update by update in turns.")
    .option('--batch <n>', 'trials an update', integer(1, 4096), 64)
    .action(async ({ json, ...options }: Omit<NetworkFlags, 'channels' | 'layers'>) => {
      report(terminal, await compareUpdates(options), json === true);
    });
}

function comparison(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option('--peer <name>', 'what it is compared with').choices(['torch']).default('torch'))
    .option('--threads <n>', 'threads of each', integer(1, 256), 2)
    .option('--steps <n>', 'pieces of work measured', integer(1, 10_000), 15)
    .option('--json', 'print {"ours","peer","ratio"}');
}

function report(terminal: CommandContext['terminal'], { ours, peers }: TorchComparison, json: boolean): void {
  const peer = peers.reduce((a, b) => (b.medianMs < a.medianMs ? b : a));
  const ratio = ours.medianMs / peer.medianMs;
  if (json) {
    const { medianMs, peakRssMb } = ours;
    terminal.out(JSON.stringify({ ours: { medianMs, peakRssMb }, peer: { name: 'torch', ...peer }, ratio }));
    return;
  }
  for (const { name, version, medianMs, peakRssMb } of [{ name: 'ours', ...ours }, ...peers.map((other) => ({ name: 'torch', ...other }))]) {
    terminal.out(`${name.padEnd(6)} ${version.padEnd(16)} ${medianMs.toFixed(1).padStart(8)} ms a step  ${peakRssMb.toFixed(0).padStart(6)} MB`);
  }
  terminal.out(`ratio ${ratio.toFixed(2)} (ours over the faster peer)`);
}
