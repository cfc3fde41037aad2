/**
 * Kafka's own command line tools, of the version of the broker for tests: `node tools/infra/kafka-tools.mjs console-consumer|topics|consumer-groups ...`, with
 * the arguments of `kafka-console-consumer.sh`, `kafka-topics.sh` and `kafka-consumer-groups.sh`.
 */
import path from 'node:path';
import { cacheDirectory } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import * as pins from '../bootstrap/pins.mjs';
import { runInPlace } from '../bootstrap/relaunch.mjs';
import { createReport, SetupError } from '../bootstrap/report.mjs';
import { ensureJars, JVM } from './jars.mjs';
import { ensureJava } from './java.mjs';
import { fetchKafka } from './kafka.mjs';

/** @type {Record<string, string | undefined>} */
const CLASSES = {
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  topics: 'org.apache.kafka.tools.TopicCommand',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
};

/** The tools' own jar; all that it needs is there for the broker. */
async function fetchTools() {
  const cache = cacheDirectory();
  const report = createReport();
  const { java, jars } = await fetchKafka({ cache, report });
  const { home } = await ensureJava({ cache, report });
  const { version, toolsSha256: sha256 } = pins.kafka;
  const folder = path.join(cache, 'kafka-tools', `${version}-${sha256.slice(0, 12)}`);
  const artifacts = [{ group: 'org.apache.kafka', artifact: 'kafka-tools', version, without: ['*:*'] }];
  await ensureJars({ folder, name: `Kafka's tools ${version}`, size: '1 MB', sha256, artifacts, home, report });
  return { java, classpath: [folder, jars].map((one) => path.join(one, '*')).join(path.delimiter) };
}

try {
  const [tool = '', ...args] = process.argv.slice(2);
  const main = CLASSES[tool];
  if (main === undefined) throw new SetupError(`usage: node tools/infra/kafka-tools.mjs ${Object.keys(CLASSES).join('|')} ARGUMENTS`);
  const { java, classpath } = await fetchTools();
  const { code } = await runInPlace(java, [...JVM, '-cp', classpath, main, ...args]);
  process.exitCode = code;
} catch (error) {
  fail(error);
}
