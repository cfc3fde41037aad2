import { createRequire } from 'node:module';
import type { CommandContext } from '@nat/console';
import { Command, CommanderError } from 'commander';
import { describeFailure } from './failures.ts';

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { readonly version: string };

type MakeCommand = (context: CommandContext) => Command;

/** By name, in the order of the help. Each is loaded when it is asked for: what some need takes longer to load than others take to run. */
const COMMANDS: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  transform: async () => (await import('./commands/transform.ts')).transformCommand,
  search: async () => (await import('./commands/search.ts')).searchCommand,
  derive: async () => (await import('./commands/derive.ts')).deriveCommand,
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluateCommand,
  select: async () => (await import('./commands/select.ts')).selectCommand,
  arch: async () => (await import('./commands/arch.ts')).archCommand,
  policy: async () => (await import('./commands/policy.ts')).policyCommand,
  data: async () => (await import('./commands/data.ts')).dataCommand,
  bench: async () => (await import('@nat/research')).benchCommand,
  reproduce: async () => (await import('@nat/research')).reproduceCommand,
  up: async () => (await import('./commands/up.ts')).upCommand,
  worker: async () => (await import('./commands/worker.ts')).workerCommand,
  quickstart: async () => (await import('./commands/quickstart.ts')).quickstartCommand,
};

/** The program with the command that is asked for, or with all: for help, and to say what a name may have meant. */
async function buildProgram(context: CommandContext, asked: string | undefined): Promise<Command> {
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
  nat transform resnet20 --policy nat --max-macs 80%   replace what is redundant, show what it saves
  nat arch cost DARTS --channels 36                    parameters, MACs and peak memory
  nat search --space nasbench201 --evaluator tabular --reward c10_valid_200
  nat up                                               serve on loopback

Environment: NAT_HOME (data directory of the embedded platform), NAT_DATA_DIR (data sets), NAT_SERVER (HOST:PORT).
Exit codes: 0 done, 1 failed, 2 bad input, 3 nobody to do it, 130 interrupted.`,
    );
  const names = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
  for (const makeCommand of await Promise.all(names.map((name) => COMMANDS[name]!()))) program.addCommand(inheritSettings(makeCommand(context), program));
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
    const program = await buildProgram(context, args[0]);
    await program.parseAsync(args, { from: 'user' });
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
