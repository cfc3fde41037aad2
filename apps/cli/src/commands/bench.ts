import { Command } from 'commander';
import { benchmarkPolicyInference, benchmarkUnaryTransforms } from '../bench/policy.ts';
import { benchmarkNasBench201 } from '../bench/nasbench201.ts';
import { integer } from '../options.ts';
import type { CommandContext } from '../program.ts';
import { connectionOptions, openSession, type ConnectionFlags } from '../session.ts';

export function benchCommand(context: CommandContext): Command {
  const command = new Command('bench').description('Measure: policy inference, and what a policy gains on NAS-Bench-201.');

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

  for (const child of [policy, nasbench201]) {
    for (const option of connectionOptions()) child.addOption(option);
    command.addCommand(child);
  }
  return command;
}
