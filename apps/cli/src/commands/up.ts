import { createLogger, runUntilSignal } from '@nat/service';
import { Command } from 'commander';
import { type CommandContext, integer } from '@nat/console';

interface UpFlags {
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly workers: number;
  readonly json?: true;
}

/** What `nat up` and the quickstart serve on when nobody says otherwise. */
export const DEFAULT_PORT = 7070;
export const DEFAULT_HTTP_PORT = 7080;

export function upCommand(context: CommandContext): Command {
  return new Command('up')
    .description('Serve the whole platform from one process: registry, policy, evaluator, metrics, and workers beside it.')
    .option('--host <host>', 'the address to listen on', '127.0.0.1')
    .option('--port <n>', 'gRPC; 0: any free one', integer(0, 65_535), DEFAULT_PORT)
    .option('--http-port <n>', 'Prometheus metrics; 0: any free one', integer(0, 65_535), DEFAULT_HTTP_PORT)
    .option('--workers <n>', 'worker processes', integer(0, 256), 1)
    .option('--json', 'print {"address","httpAddress"} as JSON once it serves')
    .addHelpText('after', '\nExamples:\n  nat up\n  nat up --port 0 --workers 4\n  grpcurl -plaintext 127.0.0.1:7070 list')
    .action(async (flags: UpFlags) => {
      const { environment, terminal } = context;
      const { startPlatform } = await import('@nat/platform');
      const logger = createLogger({ name: 'nat', level: environment.logLevel });
      const platform = await startPlatform({
        home: environment.home,
        dataDirectory: environment.dataDirectory,
        listen: { host: flags.host, port: flags.port },
        http: { host: flags.host, port: flags.httpPort },
        logger,
        workers: flags.workers,
      });
      if (flags.json === true) terminal.out(JSON.stringify({ address: platform.address, httpAddress: platform.httpAddress }));
      else {
        terminal.out(`gRPC     ${platform.address}`);
        terminal.out(`metrics  http://${platform.httpAddress ?? ''}/metrics`);
        terminal.out(`data     ${environment.home}`);
        terminal.out('Ctrl-C ends it.');
      }
      await runUntilSignal({ stop: () => platform.close() }, logger);
    });
}
