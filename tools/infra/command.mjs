import { parseArgs } from 'node:util';
import { SetupError } from '../bootstrap/report.mjs';

/**
 * The command line of a server for tests: a verb, `--dir`, `--port`.
 * @param {string} name
 * @param {string[]} verbs
 * @returns {{verb: string, dir: string, port: number | undefined}}
 */
export function parseCommand(name, verbs) {
  const usage = `usage: node tools/infra/${name}.mjs ${verbs.join('|')} --dir FOLDER [--port N]`;
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { dir: { type: 'string' }, port: { type: 'string' } } });
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : String(error)}; ${usage}`);
  }
  const [verb = ''] = parsed.positionals;
  const { dir, port } = parsed.values;
  if (!verbs.includes(verb) || parsed.positionals.length !== 1 || (dir === undefined && verb !== 'fetch')) throw new SetupError(usage);
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw new SetupError(`--port ${port} is not a port; ${usage}`);
  return { verb, dir: dir ?? '', port: port === undefined ? undefined : Number(port) };
}
