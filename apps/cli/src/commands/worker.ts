import { join, resolve } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { createLogger } from '@nat/service';
import { Command, Option } from 'commander';
import { type CommandContext, type ConnectionFlags, connectionOptions } from '@nat/console';
import { readConnection } from '@nat/console/session';
import { runningPlatform } from '@nat/platform/session';

interface WorkerFlags extends ConnectionFlags {
  readonly id?: string;
  readonly blobs?: string;
  readonly perGpu?: true;
}

export function workerCommand(context: CommandContext): Command {
  const command = new Command('worker')
    .description('Add an evaluator to a running platform: lease evaluations, train children, report.')
    .option('--id <id>', 'stable over restarts; made from the host name when left out')
    .addOption(
      new Option('--blobs <place>', "the platform's blobs (a folder or s3://...), for kinds that read or write weights; NAT_HOME/blobs when left out").env(
        'NAT_BLOB_URL',
      ),
    )
    .option('--per-gpu', 'one worker for each GPU of this machine (or of CUDA_VISIBLE_DEVICES)')
    .addHelpText(
      'after',
      '\nExamples:\n  nat worker --server 127.0.0.1:7070\n  NAT_TENSORFLOW=cuda nat worker --per-gpu --server nat.example.org:7070 --tls-ca ca.pem',
    );
  for (const option of connectionOptions()) command.addOption(option);
  return command.action(async (flags: WorkerFlags) => {
    const { environment } = context;
    const server = flags.server ?? (await runningPlatform(environment.home));
    if (server === undefined) {
      throw new DomainError('UNAVAILABLE', 'no platform is running here', {
        reason: 'NO_PLATFORM',
        metadata: { hint: 'Give --server HOST:PORT, or start one with `nat up`.' },
      });
    }
    const { runWorkersOnGpus, runWorkerUntilSignal } = await import('@nat/worker');
    const { tls, token } = readConnection(flags);
    const run = flags.perGpu === true ? runWorkersOnGpus : runWorkerUntilSignal;
    await run({
      server,
      tls,
      token,
      workerId: flags.id,
      blobUrl: flags.blobs?.includes('://') === true ? flags.blobs : resolve(flags.blobs ?? join(environment.home, 'blobs')),
      dataDirectory: environment.dataDirectory,
      logger: createLogger({ name: 'worker', level: environment.logLevel === 'warn' ? 'info' : environment.logLevel }),
    });
  });
}
