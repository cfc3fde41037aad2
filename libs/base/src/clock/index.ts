export { systemClock, type Clock, type SleepOptions } from './clock.ts';
export { ManualClock } from './manual-clock.ts';
