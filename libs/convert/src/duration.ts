import type { wkt } from '@nat/contracts';

/** Milliseconds of a protobuf duration; 0 when absent. */
export function fromDuration(duration: wkt.Duration | undefined): number {
  return duration === undefined ? 0 : duration.seconds * 1000 + duration.nanos / 1_000_000;
}

/** The inverse of `fromDuration`, rounded to nanoseconds. */
export function toDuration(milliseconds: number): wkt.Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1_000_000);
  return Math.abs(nanos) < 1_000_000_000 ? { seconds, nanos } : { seconds: seconds + Math.sign(nanos), nanos: 0 };
}
