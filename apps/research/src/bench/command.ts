import { Command } from 'commander';
import { benchmarkPolicyInference, benchmarkUnaryTransforms } from './policy.ts';
import { benchmarkNasBench201 } from './nasbench201.ts';
import { benchmarkRankCorrelation, type RankCorrelationFlags } from './rank-correlation.ts';
import { dataCommand, memoryCommand } from './engine-commands.ts';
import { stepCommand, scoreCommand, updateCommand } from './torch-commands.ts';
import { type CommandContext, type ConnectionFlags, connectionOptions, integer } from '@nat/console';
import { openSession, recipeOptions } from '@nat/console/session';

export function benchCommand(context: CommandContext): Command {
  const command = new Command('bench').description(
    'Measure: policy inference, gains on NAS-Bench-201, what shared weights say about training from scratch, memory over many steps; and training steps, scoring, policy updates and batches beside PyTorch.',
  );

  const policy = new Command('policy')
    .description('Transforms a second in one process at the official size (100/1024/100), and the latency of one call over gRPC.')
    .option('--seconds <n>', 'how long each part is measured', integer(1, 600), 5)
    .option('--json', 'print {"transformsPerSecond","unaryP50Ms","unaryP99Ms"}');
  policy.action(async (flags: ConnectionFlags & { seconds: number; json?: true }) => {
    const { transformsPerSecond, distinct } = benchmarkPolicyInference(flags.seconds);
    await using session = await openSession(context, flags);
    const { p50, p99, calls } = await benchmarkUnaryTransforms(session, flags.seconds);
    if (flags.json === true) context.terminal.out(JSON.stringify({ transformsPerSecond, unaryP50Ms: p50, unaryP99Ms: p99 }));
    else {
      context.terminal.out(
        `${transformsPerSecond.toLocaleString('en')} transforms/s of both cells, sampled and certified, ${distinct.toLocaleString('en')} distinct architectures`,
      );
      context.terminal.out(`unary over gRPC: p50 ${p50} ms, p99 ${p99} ms over ${calls} calls`);
      context.terminal.out('peer: the official code does about 800 forwards of one cell a second (torch 1.13.1, without gradients)');
    }
  });

  const nasbench201 = new Command('nasbench201')
    .description('One greedy transform of every held-out cell, by source band, beside simpler ways.')
    .option('--policy <id>', 'the policy; left out: one is searched first (500 steps of 512 pairs, seed 0)')
    .option('--reward <column>', 'the column of the table', 'c10_valid_200')
    .option('--seed <n>', 'of the search and of the random peers', integer(0), 0)
    .option('--json', 'print JSON');
  nasbench201.action(async (flags: ConnectionFlags & { policy?: string; reward: string; seed: number; json?: true }) => {
    await using session = await openSession(context, flags);
    await benchmarkNasBench201(context, session, flags);
  });

  const rankCorrelation = new Command('rank-correlation')
    .description("Kendall's tau between accuracy on shared weights and accuracy from scratch, over transforms that a search drew.")
    .requiredOption('--search <id>', 'a finished search on shared weights')
    .option('--architectures <n>', 'results sampled from its trials', integer(5, 1000), 12)
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--json', 'print {"n","tau","low","high","architectures"}');
  for (const option of recipeOptions()) rankCorrelation.addOption(option);
  rankCorrelation.action(async (flags: ConnectionFlags & RankCorrelationFlags & { workers: number }) => {
    await using session = await openSession(context, flags, flags.workers);
    await benchmarkRankCorrelation(context, session, flags);
  });

  for (const child of [stepCommand(context), scoreCommand(context), updateCommand(context), dataCommand(context), memoryCommand(context)])
    command.addCommand(child);
  for (const child of [policy, nasbench201, rankCorrelation]) {
    for (const option of connectionOptions()) child.addOption(option);
    command.addCommand(child);
  }
  return command;
}
