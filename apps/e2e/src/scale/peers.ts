/** OSS Vizier and Optuna under the same machine's load: `peers.py` measures one of them at a time. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePeers } from '../../../../tools/infra/peers.mjs';

/** Concurrent clients, the processes they are spread over, and trials that Vizier is asked for at once: as many as a worker of ours leases. */
const [CLIENTS, PROCESSES] = [16, 2];

export interface Peer {
  readonly name: string;
  readonly system: 'vizier' | 'optuna';
  /** An SQLAlchemy URL. */
  readonly storage: string;
}

export interface Peers {
  readonly all: readonly Peer[];
  /** Trials a second that were asked for and given their value. */
  readonly measure: (peer: Peer, seconds: number, batch: number) => Promise<number>;
  readonly close: () => void;
}

/** @param postgres URL of a server on which they may make their tables */
export async function openPeers(postgres: string): Promise<Peers> {
  const python = await ensurePeers();
  const folder = mkdtempSync(join(tmpdir(), 'nat-peers-'));
  let files = 0;
  const onFile = 'FILE';
  return {
    all: [
      { name: 'OSS Vizier, SQL in memory', system: 'vizier', storage: 'sqlite:///:memory:' },
      { name: 'OSS Vizier, SQLite file', system: 'vizier', storage: onFile },
      { name: 'Optuna, gRPC proxy on SQLite', system: 'optuna', storage: onFile },
      { name: 'Optuna, gRPC proxy on this PostgreSQL', system: 'optuna', storage: postgres.replace(/^postgres(ql)?:/, 'postgresql+psycopg2:') },
    ],
    measure: async ({ system, storage }, seconds, batch) => {
      const url = storage === onFile ? `sqlite:///${join(folder, `${(files += 1)}.db`)}` : storage;
      const args = [join(import.meta.dirname, 'peers.py'), system, url, String(seconds), String(CLIENTS), String(PROCESSES), String(batch)];
      const { stdout } = await promisify(execFile)(python, args, { timeout: 1_000 * (seconds + 180), maxBuffer: 64 * 1024 * 1024 });
      return (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { perSecond: number }).perSecond;
    },
    close: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
