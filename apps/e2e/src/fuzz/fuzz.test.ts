/** Every method of the platform with generated requests: whatever is sent, the answer is a precise error or an answer, and the server serves on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { fromJson, toBinary, type DescMethod, type JsonValue } from '@bufbuild/protobuf';
import { startPlatform, type Platform } from '@nat/platform';
import { RandomStream } from '@nat/base/random';
import { createContractRegistry, createLogger, createRequestValidator } from '@nat/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOOD_REQUESTS } from './good-requests.ts';
import { mostlyValidMessage, mutated, randomBytes, randomMessage } from './generate.ts';

const SEED = 20_261_124;
/** Requests of a method, of each sort. */
const RANDOM = 15;
const MOSTLY_VALID = 25;
const MUTATED = 60;
const GARBAGE = 15;
/** Streams and long polls are left after this. */
const PATIENCE_MS = 300;
/** More than any service takes from a client. */
const OVERSIZED = 80 * 1024 * 1024;
/** Answers that say that the server did not know what to do. */
const FORBIDDEN = new Set([status.INTERNAL, status.UNKNOWN, status.DATA_LOSS]);

const registry = createContractRegistry();
const validator = createRequestValidator(registry);
const methods = [...registry].flatMap((type) =>
  type.kind === 'service' && (type.typeName.startsWith('nat.') || type.typeName === 'google.longrunning.Operations') ? type.methods : [],
);

describe('generated requests', () => {
  let home: string;
  let platform: Platform;
  let client: Client;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'nat-fuzz-'));
    platform = await startPlatform({
      home,
      dataDirectory: undefined,
      listen: { host: '127.0.0.1', port: 0 },
      logger: createLogger({ name: 'fuzz', level: 'silent' }),
      workers: 0,
    });
    client = new Client(platform.address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  });
  afterAll(async () => {
    client.close();
    await platform.close();
    await rm(home, { recursive: true, force: true });
  });

  /** The status that bytes get as the request, or the only request, of a method. */
  function statusOf(method: DescMethod, bytes: Uint8Array): Promise<{ readonly code: status; readonly details: string }> {
    const path = `/${method.parent.typeName}/${method.name}`;
    const identity = (value: Buffer): Buffer => value;
    const deadline = Date.now() + (method.methodKind === 'unary' ? 30_000 : PATIENCE_MS);
    return new Promise((resolve) => {
      const ended = (error: ServiceError | null): void => {
        resolve({ code: error?.code ?? status.OK, details: error?.details ?? '' });
      };
      const request = Buffer.from(bytes);
      if (method.methodKind === 'unary') {
        client.makeUnaryRequest(
          path,
          identity,
          identity,
          request,
          { deadline: method.name === 'LeaseEvaluations' ? Date.now() + PATIENCE_MS : deadline },
          ended,
        );
        return;
      }
      const listen = (call: ClientReadableStream<Buffer>): void => {
        call.on('data', () => undefined);
        call.on('error', ended);
        call.on('end', () => {
          ended(null);
        });
      };
      if (method.methodKind === 'server_streaming') {
        listen(client.makeServerStreamRequest(path, identity, identity, request, { deadline }));
        return;
      }
      const call = client.makeBidiStreamRequest(path, identity, identity, { deadline });
      listen(call);
      call.write(request);
      call.end();
    });
  }

  it('are for every method', () => {
    expect(methods.length).toBeGreaterThan(40);
  });

  it.each(methods.map((method) => [`${method.parent.name}.${method.name}`, method] as const))('%s', async (name, method) => {
    const stream = RandomStream.of(SEED, name);
    const json = GOOD_REQUESTS[name];
    const good = json === undefined ? undefined : toBinary(method.input, fromJson(method.input, json as JsonValue, { registry }));
    if (good !== undefined) expect([name, validator.check(method.input.typeName, good)]).toEqual([name, []]);
    const requests = [
      new Uint8Array(),
      ...Array.from({ length: RANDOM }, () => randomMessage(stream, method.input)),
      ...Array.from({ length: MOSTLY_VALID }, () => mostlyValidMessage(stream, method.input, (type, bytes) => validator.check(type, bytes))),
      ...(good === undefined ? [] : [good, ...Array.from({ length: MUTATED }, () => mutated(stream, method.input, good))]),
      ...Array.from({ length: GARBAGE }, () => randomBytes(stream, 200)),
    ];
    const answers = await Promise.all(requests.map((request) => statusOf(method, request)));
    const wrong = answers.flatMap(({ code, details }, i) =>
      FORBIDDEN.has(code) ? [`${status[code]} ${details}: ${Buffer.from(requests[i]!).toString('base64').slice(0, 2_000)}`] : [],
    );
    expect(wrong).toEqual([]);
  });

  it('that are too long are refused, and the server serves on', async () => {
    const unary = methods.filter(({ methodKind }) => methodKind === 'unary');
    const bytes = new Uint8Array(OVERSIZED);
    for (const method of [unary.at(0)!, unary.at(-1)!]) expect((await statusOf(method, bytes)).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(
      (
        await statusOf(
          unary.find(({ name }) => name === 'ListArchitectures')!,
          Buffer.from('0a126e616d657370616365732f64656661756c74', 'hex'),
        )
      ).code,
    ).toBe(status.OK);
  });
});
