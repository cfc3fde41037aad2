import { setTimeout as sleep } from 'node:timers/promises';
import { isDomainError } from '@nat/base/errors';
import { startTracing } from '@nat/base/tracing';
import { createLogger, type Logger } from '../observability/logger.ts';
import type { ListenAddress, Server } from '../server/server.ts';

export interface AppOptions {
  readonly server: Server;
  readonly listen: ListenAddress;
  readonly logger: Logger;
  /** Stops taking work from streams and queues; calls in flight go on. */
  readonly pause?: () => Promise<void>;
  /** Flushes producers, then closes pools: the last thing that happens. */
  readonly release?: () => Promise<void>;
  /** How long calls in flight may take after a signal. @default 10 s */
  readonly drainMs?: number;
  /** How long health says NOT_SERVING before anything else happens, so that load balancers turn away. @default 0 */
  readonly lameDuckMs?: number;
}

/** A process's worth of service: what `runUntilSignal` runs. */
export interface App {
  /** The port served. */
  readonly port: number;
  /**
   * Health NOT_SERVING, consumers paused, streams ended, calls finished (or cut after `drainMs`), producers flushed and
   * pools closed, in this order. Calling it again gives the same promise.
   */
  readonly stop: () => Promise<void>;
}

/** Binds the server. Whatever fails here has released what `release` closes. */
export async function startApp({ server, listen, logger, pause, release, drainMs = 10_000, lameDuckMs = 0 }: AppOptions): Promise<App> {
  let port: number;
  try {
    port = await server.listen(listen);
  } catch (error) {
    await release?.();
    throw error;
  }
  // Said once whoever waits for signals listens: a process that says it serves can be ended in order.
  setImmediate(() => {
    logger.info({ host: listen.host, port }, 'serving');
  });
  let stopping: Promise<void> | undefined;

  const stop = async (): Promise<void> => {
    server.announceShutdown();
    // At least one turn of the event loop, in which health watchers hear of it.
    await sleep(lameDuckMs);
    try {
      await pause?.();
      const finished = await server.drain(drainMs);
      if (!finished) logger.warn({ drainMs }, 'calls were cut at the end of the drain time');
    } finally {
      await release?.();
    }
    logger.info('stopped');
  };
  return { port, stop: () => (stopping ??= stop()) };
}

/** Where signals come from and how a process ends: the real process, or a test's. */
export interface ProcessEvents {
  readonly on: (signal: 'SIGINT' | 'SIGTERM', listener: () => void) => unknown;
  readonly off: (signal: 'SIGINT' | 'SIGTERM', listener: () => void) => unknown;
  readonly exit: (code: number) => void;
}

/** Ctrl-C reaches the whole process group, and npm and npx pass it on besides: the same signal within this time is one, milliseconds. */
const SAME_SIGNAL_MS = 300;

/** Calls the listener for every signal that somebody sent, with how many there were: what one Ctrl-C repeats is one. */
function onSignal(
  signals: readonly ('SIGINT' | 'SIGTERM')[],
  events: ProcessEvents,
  listen: (signal: string, count: number) => void,
): { readonly off: () => void } {
  let count = 0;
  const listeners = signals.map((signal) => {
    let last = -Infinity;
    const listener = (): void => {
      const now = performance.now();
      const same = now - last < SAME_SIGNAL_MS;
      last = now;
      if (!same) listen(signal, (count += 1));
    };
    events.on(signal, listener);
    return { signal, listener };
  });
  return {
    off: () => {
      for (const { signal, listener } of listeners) events.off(signal, listener);
    },
  };
}

/** Waits for SIGINT or SIGTERM and stops the app; a second signal exits at once with 130. */
export async function runUntilSignal(app: { readonly stop: () => Promise<void> }, logger: Logger, events: ProcessEvents = process): Promise<void> {
  const signalled = Promise.withResolvers<string>();
  const signals = onSignal(['SIGINT', 'SIGTERM'], events, (signal, count) => {
    if (count > 1) events.exit(130);
    signalled.resolve(signal);
  });
  try {
    const signal = await signalled.promise;
    logger.info({ signal }, 'stopping; a second signal exits at once');
    await app.stop();
  } finally {
    signals.off();
  }
}

/**
 * Calls the listener at Ctrl-C, once, for work that ends in its own way; a second Ctrl-C exits at once with 130.
 * Disposing of it before gives Ctrl-C back its own meaning; after the first one it stays, for what follows is the end of the process.
 */
export function onInterrupt(listener: () => void, events: ProcessEvents = process): Disposable {
  let interrupted = false;
  const signals = onSignal(['SIGINT'], events, (_, count) => {
    interrupted = true;
    if (count > 1) events.exit(130);
    else listener();
  });
  return {
    [Symbol.dispose]: () => {
      if (!interrupted) signals.off();
    },
  };
}

/**
 * Runs a process's main, with tracing where the environment asks for it. What it throws goes to standard error (a domain error as its message alone) and makes
 * the exit code 1.
 * @param name of the process, as its spans have it
 */
export async function runMain(name: string, main: () => Promise<void>): Promise<void> {
  let stopTracing: (() => Promise<void>) | undefined;
  try {
    stopTracing = await startTracing(name, (detail) => {
      createLogger({ name, level: 'warn' }).warn({ detail }, 'spans may be missing');
    });
    await main();
  } catch (error) {
    const text = isDomainError(error) && error.kind !== 'INTERNAL' ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text ?? ''}\n`);
    process.exitCode = 1;
  } finally {
    await stopTracing?.();
  }
}
