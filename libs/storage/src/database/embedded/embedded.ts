import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { DomainError } from '@nat/base/errors';
import { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { lockDirectory } from './directory-lock.ts';
import { checkedDialect } from '../checked-dialect.ts';
import { createDatabase } from '../kysely-database.ts';
import { vacuumUntilStopped } from './vacuum.ts';
import { LocalSignals } from '../local-signals.ts';
import { Mutex, NamedMutexes } from '../mutex.ts';
import { pgliteDialect } from './pglite-dialect.ts';

/** An open embedded database and the way to tell other processes where it is served. */
export interface EmbeddedDatabase {
  readonly database: Database;
  /** Publishes the gRPC address of this process beside the lock, for `readLockHolder`. */
  readonly publishAddress: (address: string | undefined) => Promise<void>;
}

export interface EmbeddedOptions {
  /** Where an empty database of this version is kept for copying: creating one takes seconds, copying it a tenth of one. May be deleted at any time. @default ~/.cache/nat */
  readonly templateDirectory?: string;
  /** How long a query waits for the transactions before it until UNAVAILABLE `DATABASE_BUSY`. @default 30 s */
  readonly queueTimeoutMs?: number;
}

const POSTGRES_MAJOR_VERSION = '18';
const CLEAN_EVERY_MS = 30_000;
const DATA_DIRECTORY = 'postgres';
// The defaults of PGlite with buffers that fit a process which also trains networks.
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=64MB', '-c', 'max_wal_size=256MB'];

/**
 * Opens PostgreSQL inside this process on a directory, made if it is missing, and locks the directory until `database.close()` or the end of the process.
 * Committed rows survive kill -9 of the process; there is no promise against power loss (PGlite does not sync).
 * Throws FAILED_PRECONDITION `DIRECTORY_LOCKED` (metadata: pid, address) or `DATABASE_VERSION` (made by another major version).
 */
export async function openEmbedded(directory: string, options: EmbeddedOptions = {}): Promise<EmbeddedDatabase> {
  const lock = await lockDirectory(directory);
  try {
    const data = join(directory, DATA_DIRECTORY);
    await ensureDataDirectory(data, options.templateDirectory ?? join(homedir(), '.cache', 'nat'));
    const pglite = await PGlite.create(data, { startParams: START_PARAMETERS });
    const database = overPglite(pglite, options.queueTimeoutMs ?? 30_000, () => lock.release());
    return { database, publishAddress: (address) => lock.publishAddress(address) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function overPglite(pglite: PGlite, queueTimeoutMs: number, onClosed: () => Promise<void>): Database {
  const identity = {};
  const connectionMutex = new Mutex();
  const locks = new NamedMutexes();
  const signals = new LocalSignals();
  const kysely = new Kysely<unknown>({ dialect: checkedDialect(pgliteDialect(pglite, connectionMutex, queueTimeoutMs), identity) });
  const stop = new AbortController();
  const cleaning = vacuumUntilStopped(kysely, CLEAN_EVERY_MS, stop.signal);
  return createDatabase({
    kind: 'pglite',
    identity,
    kysely,
    random: () => 0, // one connection: nothing to lose against
    listen(channel, onSignal) {
      const remove = signals.add(channel, onSignal);
      return Promise.resolve(() => {
        remove();
        return Promise.resolve();
      });
    },
    signal(channel) {
      signals.fire(channel);
    },
    async acquireLock(name, signal) {
      const release = await locks.acquire(name, signal);
      return {
        lost: new AbortController().signal, // the directory lock makes this process the only one
        release: () => {
          release();
          return Promise.resolve();
        },
      };
    },
    async close() {
      stop.abort();
      await cleaning;
      await connectionMutex.acquire();
      connectionMutex.close(new DomainError('UNAVAILABLE', 'the database is closed', { reason: 'DATABASE_CLOSED' }));
      await pglite.close();
      await onClosed();
    },
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** A data directory is there whole or not at all: it is built beside its place and renamed, so a kill in between costs only the work. */
async function ensureDataDirectory(data: string, templateDirectory: string): Promise<void> {
  if (await exists(data)) {
    const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
    if (version === POSTGRES_MAJOR_VERSION) return;
    throw new DomainError('FAILED_PRECONDITION', `${data} was made by PostgreSQL ${version}, this build runs ${POSTGRES_MAJOR_VERSION}`, {
      reason: 'DATABASE_VERSION',
    });
  }
  const unfinished = `${data}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const template = await ensureTemplate(templateDirectory).catch(() => undefined); // a cache that cannot be written is no reason to fail
  if (template === undefined) await initialize(unfinished);
  else cpSync(template, unfinished, { recursive: true });
  await rename(unfinished, data);
}

async function initialize(data: string): Promise<void> {
  const pglite = await PGlite.create(data, { startParams: START_PARAMETERS });
  await pglite.close();
}

async function ensureTemplate(templateDirectory: string): Promise<string> {
  const template = join(templateDirectory, `pglite-${await pgliteVersion()}`);
  if (await exists(template)) return template;
  const unfinished = `${template}.${String(process.pid)}`;
  await mkdir(templateDirectory, { recursive: true });
  await rm(unfinished, { recursive: true, force: true });
  try {
    await initialize(unfinished);
    await rename(unfinished, template);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(template))) throw error; // another process was first: theirs is as good
  }
  return template;
}

async function pgliteVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const { version } = JSON.parse(await readFile(join(dirname(entry), '..', 'package.json'), 'utf8')) as { version: string };
  return version;
}
