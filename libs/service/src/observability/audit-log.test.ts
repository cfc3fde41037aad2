import { readFileSync, statSync } from 'node:fs';
import { evaluation, transform } from '@nat/contracts';
import { Metadata } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from './logger.ts';
import { authenticationOf, evaluations, startTestServer, transforms, type TestServer } from '../testing/test-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { thrownBy } from '../testing/thrown-by.ts';

const SECRET = 'secret-a7f3';
const names = Array.from({ length: 20 }, (_, i) => `namespaces/team-a/evaluations/e${i}`);

let folder: ReturnType<typeof temporaryFolder>;
let server: TestServer;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await server.close();
  folder.remove();
});

async function start(options: object = {}): Promise<void> {
  server = await startTestServer({
    services: [
      transforms({ transformArchitecture: async () => Promise.resolve({ policyVersion: 'v1' }) }),
      evaluations({
        cancelEvaluation: async ({ name }) => Promise.resolve({ name }),
        batchGetEvaluations: async () => Promise.resolve({}),
        submitEvaluations: () => Promise.reject(new TypeError(`cannot connect with ${SECRET}`)),
      }),
    ],
    authenticate: authenticationOf(`${SECRET}-editor team-a editor\n${SECRET}-reader team-a reader`),
    ...options,
  });
}

/** One call each of what an audit log tells and of what it does not. */
async function callAll(): Promise<void> {
  const metadata = Metadata({ 'x-request-id': 'r-1', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
  const editor = server.channel({ token: `${SECRET}-editor` });
  const edits = editor.client(evaluation.EvaluationServiceDefinition);
  await edits.cancelEvaluation({ name: names[0]!, reason: `PAYLOAD ${SECRET}` }, { metadata });
  await edits.batchGetEvaluations({ parent: 'namespaces/team-a', names });
  await editor.client(transform.TransformServiceDefinition).transformArchitecture({
    parent: 'namespaces/team-a',
    source: { ref: { $case: 'genotype', value: 'PAYLOAD' } },
  });
  await thrownBy(async () => edits.cancelEvaluation({ name: 'namespaces/team-b/evaluations/e' }));
  const reads = server.channel({ token: `${SECRET}-reader` }).client(evaluation.EvaluationServiceDefinition);
  await thrownBy(async () => reads.cancelEvaluation({ name: names[0]! }));
  const strange = server.channel({ token: `${SECRET}-wrong` }).client(transform.TransformServiceDefinition);
  await thrownBy(async () => strange.transformArchitecture({ parent: 'namespaces/team-a' }));
}

const METHOD = '/nat.evaluation.v1.EvaluationService/CancelEvaluation';
const expected = [
  { method: METHOD, code: 'OK', role: 'editor', credentials: 'token', resources: [names[0]], requestId: 'r-1', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
  { method: METHOD, code: 'PERMISSION_DENIED', reason: 'NAMESPACE_DENIED', role: 'editor', resources: ['namespaces/team-b/evaluations/e'] },
  { method: METHOD, code: 'PERMISSION_DENIED', reason: 'ROLE_DENIED', role: 'reader' },
  { method: '/nat.transform.v1.TransformService/TransformArchitecture', code: 'UNAUTHENTICATED', reason: 'INVALID_TOKEN' },
];

describe('the audit log', () => {
  it('is a file of its own with who did what to what, and who was refused, and no secret and no payload', async () => {
    const path = folder.path('audit/audit.log');
    await start({ auditFile: path });
    await callAll();
    const lines = await vi.waitFor(() => {
      const read = readFileSync(path, 'utf8').trim().split('\n');
      expect(read).toHaveLength(4);
      return read.map((line) => JSON.parse(line) as Record<string, unknown>);
    });
    expect(lines).toMatchObject(expected.map((line) => ({ ...line, audit: true, msg: 'call', name: 'test' })));
    expect(lines[0]!['caller']).toMatch(/^token:[0-9a-f]{12}$/);
    expect(lines[0]!['peer']).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(lines[0]!['time']).toMatch(/^\d{4}-.*Z$/);
    expect(statSync(path).mode & 0o077).toBe(0);
    const everything = `${readFileSync(path, 'utf8')}${JSON.stringify(server.logs)}`;
    expect(everything).not.toContain(SECRET);
    expect(everything).not.toContain('PAYLOAD');
    expect(server.logs.filter((line) => line['audit'] === true)).toEqual([]);
  });

  it('is in the log where it has no file; refused calls are warnings', async () => {
    await start();
    await callAll();
    const marked = () => server.logs.filter((line) => line['audit'] === true);
    await vi.waitFor(() => expect(marked()).toMatchObject(expected));
    expect(marked().map(({ level }) => level)).toEqual([30, 40, 40, 40]);
  });
});

describe('a secret', () => {
  it('is in no error that a client gets, whatever was thrown', async () => {
    await start();
    const client = server.channel({ token: `${SECRET}-editor` }).client(evaluation.EvaluationServiceDefinition, { retry: false });
    const spec = { kind: { $case: 'average' as const, value: { weights: ['a'.repeat(64)] } } };
    const error = await thrownBy(async () => client.submitEvaluations({ parent: 'namespaces/team-a', evaluations: [{ evaluationId: 'e', spec }] }));
    expect(error).toMatchObject({ kind: 'INTERNAL' });
    expect(String(error)).not.toContain(SECRET);
  });

  it('is taken out of errors of libraries that carry their settings', async () => {
    await start();
    const lines: string[] = [];
    const logger = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
    const error = Object.assign(new Error('refused'), { config: { sasl: { password: SECRET }, headers: { authorization: SECRET } } });
    logger.error({ err: error, credentials: { secretAccessKey: SECRET } }, 'failed');
    expect(lines[0]).toContain('[secret]');
    expect(lines[0]).not.toContain(SECRET);
  });
});
