import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/errors';

/** The official code's version, and the newest. The faster one is the peer. */
export const TORCH_VERSIONS = ['1.13.1', '2.15.0'] as const;

const INSTALLER = fileURLToPath(new URL('../../../../../tools/infra/torch.mjs', import.meta.url));

/**
 * The interpreter of a Python with this torch, installed in the cache the first time; says so on standard error.
 * @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED
 */
export async function ensureTorch(version: string): Promise<string> {
  const child = spawn(process.execPath, [INSTALLER, version], { stdio: ['ignore', 'pipe', 'inherit'] });
  const interpreter = (await text(child.stdout)).trim();
  if (interpreter !== '') return interpreter;
  throw new DomainError('FAILED_PRECONDITION', `torch ${version} could not be installed: python3 with venv and pip is needed, and PyPI`, {
    reason: 'TORCH_NOT_INSTALLED',
  });
}
