import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/errors';

/** The official code's version, and the newest. The faster one is the peer. */
export const TORCH_VERSIONS = ['1.13.1', '2.15.0'] as const;

const INSTALLER = fileURLToPath(new URL('../../../../tools/infra/torch.mjs', import.meta.url));

/**
 * The interpreter of a Python with this torch, installed in the cache the first time; says so on standard error.
 * @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED
 */
export async function ensureTorch(version: string): Promise<string> {
  const [interpreter = ''] = await install(version);
  if (interpreter === '') throw notInstalled(`torch ${version}`);
  return interpreter;
}

/**
 * The interpreter of a Python with the newest torch, and the folder of torchvision that its PYTHONPATH has to name; as `ensureTorch`.
 * @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED
 */
export async function ensureTorchvision(): Promise<{ readonly interpreter: string; readonly folder: string }> {
  const [interpreter = '', folder = ''] = await install(TORCH_VERSIONS[1], 'torchvision');
  if (folder === '') throw notInstalled('torchvision');
  return { interpreter, folder };
}

/** What the installer prints, line by line. */
async function install(...args: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, [INSTALLER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return (await text(child.stdout)).trim().split('\n');
}

function notInstalled(what: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `${what} could not be installed: python3 with venv and pip is needed, and PyPI`, {
    reason: 'TORCH_NOT_INSTALLED',
  });
}
