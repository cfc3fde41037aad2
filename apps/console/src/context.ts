import type { Environment } from './environment.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What every command gets: where to write, and the environment as it was read at the start. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: Environment;
}
