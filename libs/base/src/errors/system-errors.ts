import { DomainError, isDomainError, type DomainErrorKind } from './domain-error.ts';

/** What an error of the operating system means for whoever asked. */
interface SystemFault {
  readonly kind: DomainErrorKind;
  readonly reason: string;
  readonly message: string;
}

const DISK_FULL: SystemFault = { kind: 'RESOURCE_EXHAUSTED', reason: 'DISK_FULL', message: 'no space is left on the disk' };
const NO_MEMORY: SystemFault = { kind: 'RESOURCE_EXHAUSTED', reason: 'OUT_OF_MEMORY', message: 'the machine is out of memory or processes' };
const NO_FILES: SystemFault = { kind: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_OPEN_FILES', message: 'too many files are open' };
const UNREACHABLE: SystemFault = { kind: 'UNAVAILABLE', reason: 'UNREACHABLE', message: 'a server cannot be reached' };

/** Faults of the machine, by errno: they pass without anybody changing the request. */
const FAULTS: ReadonlyMap<string, SystemFault> = new Map([
  ['ENOSPC', DISK_FULL],
  ['EDQUOT', DISK_FULL],
  ['ENOMEM', NO_MEMORY],
  ['EAGAIN', NO_MEMORY],
  ['EMFILE', NO_FILES],
  ['ENFILE', NO_FILES],
  ['ECONNREFUSED', UNREACHABLE],
  ['ECONNRESET', UNREACHABLE],
  ['ECONNABORTED', UNREACHABLE],
  ['EPIPE', UNREACHABLE],
  ['ETIMEDOUT', UNREACHABLE],
  ['ENOTFOUND', UNREACHABLE],
  ['EAI_AGAIN', UNREACHABLE],
  ['EHOSTUNREACH', UNREACHABLE],
  ['ENETUNREACH', UNREACHABLE],
]);

/** The fault of the machine that an error tells of, itself or as what caused it; undefined for any other. */
function systemFaultOf(error: unknown): SystemFault | undefined {
  const seen = new Set<unknown>();
  for (let current = error; current instanceof Error && !seen.has(current); current = current.cause) {
    seen.add(current);
    if ('code' in current && typeof current.code === 'string') {
      const fault = FAULTS.get(current.code);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

/** The error itself; a fault of the machine (a full disk, a server that cannot be reached) as such; else INTERNAL. The original is kept as the cause. */
export function toDomainError(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const { kind, reason, message } = systemFaultOf(error) ?? { kind: 'INTERNAL', reason: 'INTERNAL', message: 'internal error' };
  return new DomainError(kind, message, { reason, cause: error });
}
