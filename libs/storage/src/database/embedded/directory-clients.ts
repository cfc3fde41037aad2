import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from './directory-lock.ts';

/** A process that uses what the holder of a directory serves, until it ends this or dies. */
export interface RegisteredClient {
  readonly end: () => Promise<void>;
}

const FOLDER = 'clients';
const UNREADY = '.unready';
/** Without a journal beside the file, which would not move with it. */
const LOCK = 'pragma journal_mode = memory; begin exclusive';

/**
 * Registers this process as a client. Whoever registers before looking for the holder's address is either seen by a holder that counts its clients
 * after taking that address away, or finds no address.
 */
export async function registerClient(directory: string): Promise<RegisteredClient> {
  await mkdir(join(directory, FOLDER), { recursive: true, mode: 0o700 });
  const path = join(directory, FOLDER, randomUUID());
  // Locked before it has its name, so that a file without a lock is that of a dead process.
  const file = tryLock(`${path}${UNREADY}`, LOCK, 0);
  await rename(`${path}${UNREADY}`, path);
  return {
    end: async () => {
      await rm(path, { force: true });
      file?.close();
    },
  };
}

/** Clients that are alive. Not for a process that is a client of the same directory itself: looking at its own file would end its lock. */
export async function countClients(directory: string): Promise<number> {
  let names: string[];
  try {
    names = await readdir(join(directory, FOLDER));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
  let alive = 0;
  for (const name of names.filter((one) => !one.endsWith(UNREADY))) {
    const path = join(directory, FOLDER, name);
    const free = tryLock(path, LOCK, 0);
    if (free === undefined) alive += 1;
    else {
      free.close();
      await rm(path, { force: true });
    }
  }
  return alive;
}
