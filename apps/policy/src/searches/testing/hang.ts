/** What takes longer hangs, on however slow a machine, milliseconds. */
export const HANG_MS = 15 * 60_000;
