import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { DomainError } from '@nat/errors';
import type { Terminal } from '../../terminal.ts';

const run = promisify(execFile);

/** The official code's version, and the newest. The faster one is the peer. */
export const TORCH_VERSIONS = ['1.13.1', '2.15.0'] as const;

/**
 * A Python with this torch, in a virtual environment of its own under the cache.
 * @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED
 */
export async function ensureTorch(terminal: Terminal, version: string): Promise<string> {
  const cache = process.env['NAT_CACHE_DIR'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'nat');
  const folder = path.join(cache, 'torch', version);
  const python = path.join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(path.dirname(folder), { recursive: true });
  terminal.err(`installing torch ${version} from PyPI for the comparison, once (some GB with its libraries) ...`);
  try {
    await run('python3', ['-m', 'venv', partial]);
    const flags = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--disable-pip-version-check', `torch==${version}`, 'numpy<2'];
    await run(path.join(partial, 'bin', 'python'), flags, { maxBuffer: 1 << 26 });
    renameSync(partial, folder); // nothing of it is started through the scripts that name the old folder
    return python;
  } catch (cause) {
    rmSync(partial, { recursive: true, force: true });
    throw new DomainError('FAILED_PRECONDITION', `torch ${version} could not be installed: python3 with venv and pip is needed, and PyPI`, {
      reason: 'TORCH_NOT_INSTALLED',
      cause,
    });
  }
}
