import fs from 'node:fs';
import path from 'node:path';
import { installOnce, requireFreeDisk } from '../bootstrap/cache.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import { digestOfFolder } from './java.mjs';

/** @typedef {{group: string, artifact: string, version: string, without?: readonly string[]}} Artifact */

/** Flags of a small server: quick to start, little memory. */
export const JVM = [
  '-Xms128m',
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dlog4j2.disable.jmx=true',
];

/**
 * Why what comes from Maven Central cannot be had here: nothing when it can. Jars that are in the cache need no mvn.
 * @param {string} folder @param {string} name
 * @returns {Promise<string | undefined>}
 */
export async function jarsAvailability(folder, name) {
  if (fs.existsSync(folder)) return undefined;
  try {
    await run('mvn', ['--version']);
    return undefined;
  } catch {
    return `mvn is not installed, and ${name} comes from Maven Central`;
  }
}

/**
 * Fills a folder of the cache with artifacts and all that they need at run time, through the machine's own Maven.
 * @param {{folder: string, name: string, size: string, sha256: string, artifacts: readonly Artifact[], home: string | undefined,
 *   report: import('../bootstrap/report.mjs').Report}} options `sha256` as `digestOfFolder` gives it; `home`: a Java home where Maven would find none
 */
export async function ensureJars({ folder, name, size, sha256, artifacts, home, report }) {
  if (!fs.existsSync(folder)) requireFreeDisk(path.dirname(folder), 3e8, name);
  await installOnce(folder, (target) =>
    report.step(`taking ${name} from Maven Central (${size})`, async () => {
      const pom = path.join(target, 'pom.xml');
      fs.writeFileSync(
        pom,
        `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>nat</groupId><artifactId>jars</artifactId>
<version>1</version><packaging>pom</packaging><dependencies>${artifacts.map(dependency).join('\n')}</dependencies></project>\n`,
      );
      await run('mvn', ['-q', '-B', '-C', '-f', pom, pins.mavenPlugin, '-DincludeScope=runtime', `-DoutputDirectory=${target}`], {
        cwd: target,
        env: home === undefined ? process.env : { ...process.env, JAVA_HOME: home },
        missing: `mvn is needed to take ${name} from Maven Central: install Maven`,
        failed: `mvn could not fetch ${name}`,
      });
      fs.rmSync(pom);
      const digest = digestOfFolder(target);
      if (digest !== sha256) throw new SetupError(`the jars of ${name} are not what was pinned: their digest is ${digest}`);
    }),
  );
}

/** @param {Artifact} artifact */
function dependency({ group, artifact, version, without = [] }) {
  const exclusions = without.map((one) => {
    const [of = '', what = ''] = one.split(':');
    return `<exclusion><groupId>${of}</groupId><artifactId>${what}</artifactId></exclusion>`;
  });
  const of = exclusions.length === 0 ? '' : `<exclusions>${exclusions.join('')}</exclusions>`;
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${of}</dependency>`;
}
