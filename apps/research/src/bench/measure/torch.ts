import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/base/errors';
import { interleave, type MeasuredProgram, type Measured } from './interleave.ts';

/** The official code's version, and the newest. The faster one is the peer. */
const TORCH_VERSIONS = ['1.13.1', '2.15.0'] as const;

const INSTALLER = fileURLToPath(new URL('../../../../../tools/infra/torch.mjs', import.meta.url));

export interface TorchComparisonOptions {
  /** Our program and PyTorch's, each of which takes THREADS SETTINGS. */
  readonly ours: { readonly program: URL; readonly settings: unknown };
  readonly torch: { readonly program: URL; readonly settings: unknown };
  readonly threads: number;
  /** Pieces of work measured, after two that warm up. */
  readonly steps: number;
}

export interface TorchComparison {
  readonly ours: Measured;
  /** One a version. */
  readonly peers: readonly Measured[];
}

const WARM_UP = 2;

/** Measures a program of ours beside PyTorch's, interleaved. @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED */
export async function compareWithTorch({ ours, torch, threads, steps }: TorchComparisonOptions): Promise<TorchComparison> {
  const programOf = (command: string, { program, settings }: TorchComparisonOptions['ours']): MeasuredProgram => ({
    command,
    args: [fileURLToPath(program), String(threads), JSON.stringify(settings)],
  });
  const peers: MeasuredProgram[] = [];
  for (const version of TORCH_VERSIONS) peers.push(programOf(await ensureTorch(version), torch));
  const [mine, ...theirs] = await interleave([programOf(process.execPath, ours), ...peers], { warmUp: WARM_UP, pieces: steps });
  return { ours: mine!, peers: theirs };
}

/**
 * The interpreter of a Python with this torch, installed in the cache the first time; says so on standard error.
 * @throws DomainError FAILED_PRECONDITION TORCH_NOT_INSTALLED
 */
async function ensureTorch(version: string): Promise<string> {
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
