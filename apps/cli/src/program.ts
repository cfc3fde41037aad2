import { createRequire } from 'node:module';
import type { CommandContext } from '@nat/console';
import { benchCommand, reproduceCommand } from '@nat/research';
import { Command, CommanderError } from 'commander';
import { archCommand } from './commands/arch.ts';
import { dataCommand } from './commands/data.ts';
import { deriveCommand } from './commands/derive.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { policyCommand } from './commands/policy.ts';
import { quickstartCommand } from './commands/quickstart.ts';
import { searchCommand } from './commands/search.ts';
import { selectCommand } from './commands/select.ts';
import { transformCommand } from './commands/transform.ts';
import { upCommand } from './commands/up.ts';
import { workerCommand } from './commands/worker.ts';
import { describeFailure } from './failures.ts';

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { readonly version: string };

function buildProgram(context: CommandContext): Command {
  const program = new Command('nat')
    .description('Make existing networks cheaper, with proof: the Neural Architecture Transformer as a platform.')
    .version(VERSION)
    .showHelpAfterError('(nat --help, or nat <command> --help, says more)')
    .configureOutput({ writeOut: (text) => context.terminal.out(text.trimEnd()), writeErr: (text) => context.terminal.err(text.trimEnd()) })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  nat transform resnet20                    replace what is redundant, show what it saves
  nat arch cost DARTS --channels 36         parameters, MACs and peak memory
  nat search --space nasbench201 --evaluator tabular --reward c10_valid_200
  nat up                                    serve on loopback

Environment: NAT_HOME (data directory of the embedded platform), NAT_DATA_DIR (data sets), NAT_SERVER (HOST:PORT).
Exit codes: 0 done, 1 failed, 2 bad input, 3 nobody to do it, 130 interrupted.`,
    );
  for (const command of [
    transformCommand(context),
    searchCommand(context),
    deriveCommand(context),
    evaluateCommand(context),
    selectCommand(context),
    archCommand(context),
    policyCommand(context),
    dataCommand(context),
    benchCommand(context),
    reproduceCommand(context),
    upCommand(context),
    workerCommand(context),
    quickstartCommand(context),
  ]) {
    program.addCommand(inheritSettings(command, program));
  }
  return program;
}

function inheritSettings(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
  return command;
}

/** Runs one command line and gives the exit code. Never throws. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  try {
    await buildProgram(context).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { lines, exitCode } = describeFailure(error);
    for (const line of lines) context.terminal.err(line);
    return exitCode;
  } finally {
    await context.terminal.flush();
  }
}
