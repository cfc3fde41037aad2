import path from 'node:path';
import { run } from './process.mjs';

/**
 * Compiles an addon against Node's headers and libtensorflow's; beside TensorFlow.js's own addon it finds the libraries by itself.
 * @param {{what: string, sources: string[], output: string, headers: string, libraries: string, flags: string[], link: string[]}} options
 *   `headers`: Node's; `libraries`: the unpacked TensorFlow; `link`: which of its libraries
 */
export async function compileAddon({ what, sources, output, headers, libraries, flags, link }) {
  await run(
    'g++',
    [
      ...['-shared', '-fPIC', '-std=c++17', '-w', '-DNAPI_VERSION=8', ...flags],
      ...[`-I${headers}`, `-I${path.join(libraries, 'include')}`],
      ...[...sources, '-o', output],
      ...[`-L${path.join(libraries, 'lib')}`, ...link.map((library) => `-l${library}`), '-Wl,-rpath,$ORIGIN/../../deps/lib'],
    ],
    { missing: `g++ is needed to build ${what}: install it (Debian: apt-get install g++)`, failed: `${what} did not compile` },
  );
}
