import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { FleetOrders, FleetReport } from './fleet-messages.ts';

/** Simulated workers in a few processes. */
export interface Fleet {
  readonly workers: number;
  /** Sums over the processes, as of their latest reports. */
  readonly totals: () => {
    readonly registered: number;
    readonly completed: number;
    readonly busyMs: number;
    readonly leased: number;
    readonly residentBytes: number;
  };
  /** Latencies since the last time this was asked, milliseconds. */
  readonly takeLatencies: () => { readonly lease: readonly number[]; readonly complete: readonly number[] };
  readonly stop: () => Promise<void>;
}

const ENTRY = join(import.meta.dirname, 'fleet-main.ts');
const IDLE: FleetReport = { registered: 0, completed: 0, busyMs: 0, leaseMs: [], leased: 0, completeMs: [], residentBytes: 0 };

export interface FleetOptions extends Omit<FleetOrders, 'first'> {
  readonly processes: number;
  /** Environment of the processes, over this one's. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts workers, spread over processes. A process that ends before it was told to makes `stop` reject. */
export function startFleet({ processes, environment = {}, ...orders }: FleetOptions): Fleet {
  let lease: number[] = [];
  let complete: number[] = [];
  const share = Math.ceil(orders.workers / processes);
  const children = Array.from({ length: processes }, (_, i) => {
    const first = i * share;
    const own: FleetOrders = { ...orders, first, workers: Math.max(0, Math.min(share, orders.workers - first)) };
    const child = fork(ENTRY, [JSON.stringify(own)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, ...environment } });
    const member = { child, latest: IDLE, told: false };
    child.on('message', (message) => {
      const report = message as FleetReport;
      member.latest = report;
      lease = lease.concat(report.leaseMs);
      complete = complete.concat(report.completeMs);
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.once('exit', (code, signal) => {
        if (member.told) resolve();
        else reject(new Error(`a process of simulated workers ended by itself (${String(signal ?? code)})`));
      });
    });
    ended.catch(() => undefined);
    return { child, member, ended };
  });
  const sum = (of: (report: FleetReport) => number): number => children.reduce((total, { member }) => total + of(member.latest), 0);
  return {
    workers: orders.workers,
    totals: () => ({
      registered: sum(({ registered }) => registered),
      completed: sum(({ completed }) => completed),
      busyMs: sum(({ busyMs }) => busyMs),
      leased: sum(({ leased }) => leased),
      residentBytes: sum(({ residentBytes }) => residentBytes),
    }),
    takeLatencies: () => {
      const taken = { lease, complete };
      lease = [];
      complete = [];
      return taken;
    },
    stop: async () => {
      for (const { member, child } of children) {
        member.told = true;
        if (child.connected) child.send('stop');
      }
      await Promise.all(children.map(({ ended }) => ended));
    },
  };
}
