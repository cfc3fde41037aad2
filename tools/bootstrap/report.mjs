/**
 * Progress of a set-up, on standard error only: standard output belongs to the command that runs after it.
 * A terminal gets one line that moves; a pipe gets one plain line as a step starts and one as it ends.
 */

/** What stops a set-up, said in one line that names the remedy. `bootstrap` prints it without a stack. */
export class SetupError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }
}

/** @typedef {ReturnType<typeof createReport>} Report */

/** @param {NodeJS.WriteStream} stream where to write; standard error unless a test says otherwise. */
export function createReport(stream = process.stderr) {
  const terminal = stream.isTTY;
  const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

  /** Prints one line. @param {string} text */
  const line = (text) => stream.write(`nat: ${text}\n`);

  /**
   * Runs one step and shows how long it took. `task` gets a function that sets a detail, such as megabytes so far.
   * @template T
   * @param {string} label
   * @param {(detail: (text: string) => void) => Promise<T>} task
   * @returns {Promise<T>}
   */
  const step = async (label, task) => {
    const started = process.hrtime.bigint();
    const seconds = () => Number(process.hrtime.bigint() - started) / 1e9;
    let detail = '';
    let frame = 0;
    let timer;
    if (terminal) {
      timer = setInterval(() => {
        frame = (frame + 1) % frames.length;
        const text = `${frames[frame]} ${label}${detail} ${seconds().toFixed(0)} s`;
        stream.write(`\r\x1b[2K${text.slice(0, Math.max(20, stream.columns - 1))}`);
      }, 100);
      timer.unref();
    } else {
      line(`${label} ...`);
    }
    try {
      const result = await task((text) => {
        detail = text === '' ? '' : ` (${text})`;
      });
      if (terminal) stream.write('\r\x1b[2K');
      line(`${label}: done in ${seconds().toFixed(1)} s`);
      return result;
    } catch (error) {
      if (terminal) stream.write('\r\x1b[2K');
      throw error;
    } finally {
      clearInterval(timer);
    }
  };

  return { line, step, terminal };
}
