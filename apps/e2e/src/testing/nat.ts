import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Processes, type Ended, type RunningProcess, type StartOptions } from './processes.ts';

/** The folder of this clone. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '');
const BIN = join(ROOT, 'apps', 'cli', 'bin', 'nat.mjs');

/** The `nat` command on data directories of its own: nothing of the user's is read or written. */
export class NatCommand {
  readonly processes = new Processes();
  readonly home: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.home = join(folder, 'home');
  }

  static async create(): Promise<NatCommand> {
    return new NatCommand(await mkdtemp(join(tmpdir(), 'nat-e2e-')));
  }

  /** A data directory that no command has used. */
  freshHome(name: string): string {
    return join(this.#folder, name);
  }

  start(args: readonly string[], options: StartOptions = {}): RunningProcess {
    return this.processes.start(process.execPath, [BIN, ...args], { cwd: ROOT, ...options, env: this.environment(options.env) });
  }

  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** A platform as a process of its own on `home`: the other commands find it there. */
  async up(options: StartOptions = {}): Promise<{ readonly platform: RunningProcess; readonly address: string; readonly httpAddress: string }> {
    const platform = this.start(['up', '--port', '0', '--http-port', '0', '--json'], options);
    const { address, httpAddress } = JSON.parse(await platform.line()) as { address: string; httpAddress: string };
    return { platform, address, httpAddress };
  }

  environment(env: StartOptions['env'] = {}): Record<string, string | undefined> {
    return { NAT_HOME: this.home, NAT_SERVER: undefined, NAT_TOKEN: undefined, NAT_TOKEN_FILE: undefined, NAT_LOG_LEVEL: undefined, ...env };
  }

  async close(): Promise<void> {
    await this.processes.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The standard output of a command that must have succeeded. */
export function succeeded({ code, signal, stdout, stderr }: Ended): string {
  if (code !== 0) throw new Error(`ended with ${signal ?? code ?? ''}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Lines of JSON. */
export function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
