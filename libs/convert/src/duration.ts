import type { wkt } from '@nat/contracts';

/** Milliseconds of a protobuf duration; 0 when absent. */
export function fromDuration(duration: wkt.Duration | undefined): number {
  return duration === undefined ? 0 : duration.seconds * 1000 + duration.nanos / 1_000_000;
}

export function toDuration(milliseconds: number): wkt.Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1_000_000) };
}
