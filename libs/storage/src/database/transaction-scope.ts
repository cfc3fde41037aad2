import { AsyncLocalStorage } from 'node:async_hooks';
import { DomainError } from '@nat/base/errors';

/** The transaction that the running asynchronous call chain is in. */
interface TransactionScope {
  /** Identifies the database (shared by the views that `as` makes). */
  readonly database: object;
  /** False once the transaction ended: work left running after it may use the database again. */
  open: boolean;
  /** Channels to wake, each once however often the transaction asked. */
  readonly channels: Set<string>;
  readonly outer: TransactionScope | undefined;
}

// Context of a call chain, not state of the program: Node offers it only through a shared key.
const scopes = new AsyncLocalStorage<TransactionScope>();

function openScope(): TransactionScope | undefined {
  let scope = scopes.getStore();
  while (scope !== undefined && !scope.open) scope = scope.outer;
  return scope;
}

/** True inside the work of a transaction of any database: code that calls other services can refuse to run there. */
export function inTransaction(): boolean {
  return openScope() !== undefined;
}

/** Signals the channel on the database of the transaction around this call, once, after it committed; never if it rolls back. Throws outside a transaction. */
export function signalAfterCommit(channel: string): void {
  const scope = openScope();
  if (scope === undefined) throw new DomainError('INTERNAL', 'this works only inside the work of database.transaction', { reason: 'NO_TRANSACTION' });
  scope.channels.add(channel);
}

/** Throws when this call chain is inside a transaction of the same database: waiting for another connection there can wait for ever. */
export function assertOutsideTransaction(database: object): void {
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) {
    if (scope.open && scope.database === database) {
      throw new DomainError('INTERNAL', 'the database was used inside one of its own transactions: use the transaction handed to the work', {
        reason: 'OUTER_DATABASE_IN_TRANSACTION',
      });
    }
  }
}

/** A scope for one attempt of a transaction. */
export interface ScopeHandle {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the scope; channels are signalled only if it committed. */
  end(committed: boolean): void;
}

export function createScope(database: object, signal: (channel: string) => void): ScopeHandle {
  const scope: TransactionScope = { database, open: true, channels: new Set(), outer: scopes.getStore() };
  return {
    run: (work) => scopes.run(scope, work),
    end(committed) {
      scope.open = false;
      if (!committed) return;
      for (const channel of scope.channels) signal(channel);
    },
  };
}
