import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../bootstrap/index.mjs';
import { collectorAvailability, ensureCollector } from './collector.mjs';
import { kafkaAvailability, startKafka } from './kafka.mjs';
import { postgresAvailability, startPostgres } from './postgres.mjs';
import { ensurePrometheus, prometheusAvailability } from './prometheus.mjs';
import { ensurePython, pythonAvailability } from './python.mjs';
import { S3_CREDENTIALS, s3Availability, startS3 } from './s3.mjs';

/**
 * One Kafka, one PostgreSQL, one S3 server and a Python with a gRPC client for a whole test run, each only where it is not given already. Tests read
 * `NAT_TEST_KAFKA` (host:port), `NAT_TEST_KAFKA_SECURE` (the same broker with TLS and SASL: variables, as JSON), `NAT_TEST_POSTGRES` (a URL), `NAT_TEST_S3` (a blob URL, with the credentials of S3 clients) `NAT_TEST_PYTHON` (an
 * interpreter) and `NAT_TEST_PROMETHEUS` (a folder with its programs) and `NAT_TEST_COLLECTOR` (a program), and skip without them; the reasons are here.
 * @param {{report: import('../bootstrap/report.mjs').Report}} options
 * @returns {Promise<{env: Record<string, string>, reasons: string[], stop: () => Promise<void>}>}
 */
export async function startTestServers({ report }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-test-servers-'));
  fs.chmodSync(folder, 0o755); // PostgreSQL may run as another user
  /** @type {Record<string, string>} */
  const env = {};
  /** @type {string[]} */
  const reasons = [];
  /** @type {{pid: number, stop: () => Promise<void>}[]} */
  const servers = [];
  const kill = () => {
    for (const { pid } of servers) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended already
      }
    }
  };
  process.once('exit', kill);
  const interrupt = () => process.exit(1); // by way of `kill`, which a signal alone would pass by
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, interrupt);
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    process.off('exit', kill);
    fs.rmSync(folder, { recursive: true, force: true });
  };

  const kafka = async () => {
    if (process.env['NAT_TEST_KAFKA']) return;
    const unavailable = await kafkaAvailability();
    if (unavailable !== undefined) {
      reasons.push(`tests that need Kafka are skipped: ${unavailable}`);
      return;
    }
    const certificates = path.join(root, 'libs', 'service', 'src', 'testing', 'fixtures', 'tls');
    const security = {
      certificateFile: path.join(certificates, 'server.pem'),
      keyFile: path.join(certificates, 'server.key'),
      user: 'nat',
      password: 'nat-secret',
    };
    const broker = await startKafka({ dir: path.join(folder, 'kafka'), security, report });
    servers.push(broker);
    Object.assign(env, {
      NAT_TEST_KAFKA: broker.address,
      NAT_TEST_KAFKA_SECURE: JSON.stringify({
        NAT_KAFKA_BROKERS: broker.secureAddress,
        NAT_KAFKA_SSL_CA_FILE: path.join(certificates, 'ca.pem'),
        NAT_KAFKA_SASL_MECHANISM: 'plain',
        NAT_KAFKA_SASL_USERNAME: security.user,
        NAT_KAFKA_SASL_PASSWORD: security.password,
      }),
    });
  };
  const postgres = async () => {
    if (process.env['NAT_TEST_POSTGRES']) return;
    const unavailable = postgresAvailability();
    if (unavailable !== undefined) {
      reasons.push(`tests that need PostgreSQL are skipped: ${unavailable}`);
      return;
    }
    const server = await startPostgres({ dir: path.join(folder, 'postgres') });
    servers.push(server);
    env['NAT_TEST_POSTGRES'] = server.url;
  };
  const s3 = async () => {
    if (process.env['NAT_TEST_S3']) return;
    const unavailable = await s3Availability();
    if (unavailable !== undefined) {
      reasons.push(`tests that need S3 are skipped: ${unavailable}`);
      return;
    }
    const server = await startS3({ dir: path.join(folder, 's3'), report });
    servers.push(server);
    Object.assign(env, S3_CREDENTIALS, { NAT_TEST_S3: server.url });
  };
  const python = async () => {
    if (process.env['NAT_TEST_PYTHON']) return;
    const unavailable = await pythonAvailability();
    if (unavailable === undefined) env['NAT_TEST_PYTHON'] = await ensurePython({ report });
    else reasons.push(`tests of a Python client are skipped: ${unavailable}`);
  };
  const prometheus = async () => {
    if (process.env['NAT_TEST_PROMETHEUS']) return;
    const unavailable = await prometheusAvailability();
    const skip = (/** @type {unknown} */ why) => reasons.push(`tests with a real Prometheus are skipped: ${why instanceof Error ? why.message : String(why)}`);
    if (unavailable !== undefined) return skip(unavailable);
    // A machine may have apt and no way to its mirrors.
    await ensurePrometheus({ report }).then((folder) => (env['NAT_TEST_PROMETHEUS'] = folder), skip);
  };
  const collector = async () => {
    if (process.env['NAT_TEST_COLLECTOR']) return;
    const unavailable = await collectorAvailability();
    const skip = (/** @type {unknown} */ why) =>
      reasons.push(`tests with a real OpenTelemetry collector are skipped: ${why instanceof Error ? why.message : String(why)}`);
    if (unavailable !== undefined) return skip(unavailable);
    await ensureCollector({ report }).then((program) => (env['NAT_TEST_COLLECTOR'] = program), skip);
  };
  const outcomes = await Promise.allSettled([kafka(), postgres(), s3(), python(), prometheus(), collector()]);
  for (const signal of signals) process.off(signal, interrupt);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { env, reasons, stop };
}
