import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DomainError } from '@nat/base/errors';

/** The process that owns a database directory. */
export interface LockHolder {
  readonly pid: number;
  /** The gRPC address it published, once it serves. */
  readonly address: string | undefined;
}

export interface DirectoryLock {
  /** Says where the holder serves; undefined: nowhere any more. */
  publishAddress(address: string | undefined): Promise<void>;
  release(): Promise<void>;
}

// The lock is an exclusive transaction on an empty SQLite file: an advisory file lock of the operating system, which ends with the process however it
// dies, so a stale lock cannot exist. Nothing else may open that file: POSIX drops a process's locks when it closes any descriptor of the file.
const LOCK_FILE = 'lock';
const HOLDER_FILE = 'holder.json';
const CONFIRM_MS = 500; // longer than a look by readLockHolder holds the file

/** Runs the statement that takes the lock; undefined when another process has it. Closing the file gives the lock back. */
export function tryLock(path: string, statement: string, timeoutMs: number): DatabaseSync | undefined {
  const file = new DatabaseSync(path, { timeout: timeoutMs });
  try {
    file.exec(statement);
    return file;
  } catch (error) {
    file.close();
    const SQLITE_BUSY = 5;
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

/** Takes the directory for this process, or throws FAILED_PRECONDITION `DIRECTORY_LOCKED` with the holder's pid and address as metadata. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = tryLock(join(directory, LOCK_FILE), 'begin exclusive', CONFIRM_MS);
  if (file === undefined) {
    const holder = await readHolderFile(directory);
    throw new DomainError('FAILED_PRECONDITION', `${directory} is in use by process ${String(holder?.pid ?? 'unknown')}`, {
      reason: 'DIRECTORY_LOCKED',
      metadata: { pid: String(holder?.pid ?? ''), address: holder?.address ?? '' },
    });
  }
  const write = async (address: string | undefined): Promise<void> => {
    const temporary = join(directory, `${HOLDER_FILE}.${String(process.pid)}`);
    await writeFile(temporary, JSON.stringify({ pid: process.pid, address }), { mode: 0o600 });
    await rename(temporary, join(directory, HOLDER_FILE)); // readers see the old or the new file, never half of one
  };
  try {
    await write(undefined);
  } catch (error) {
    file.close();
    throw error;
  }
  return {
    publishAddress: write,
    async release() {
      await rm(join(directory, HOLDER_FILE), { force: true });
      file.close();
    },
  };
}

/** The living process that holds the directory, if any. */
export async function readLockHolder(directory: string): Promise<LockHolder | undefined> {
  const holder = await readHolderFile(directory);
  if (holder === undefined) return undefined; // never locked, or released in order
  const probe = tryLock(join(directory, LOCK_FILE), 'begin; select count(*) from sqlite_schema', 0);
  if (probe !== undefined) {
    probe.close(); // nobody holds it: the file of a process that was killed
    return undefined;
  }
  return await readHolderFile(directory);
}

async function readHolderFile(directory: string): Promise<LockHolder | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, HOLDER_FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const { pid, address } = JSON.parse(text) as { pid: number; address?: string };
  return { pid, address };
}
