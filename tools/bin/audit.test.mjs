import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const AUDIT = fileURLToPath(new URL('audit.mjs', import.meta.url));
const ADVISORY = {
  id: 1,
  url: 'https://example.org/advisories/1',
  title: 'Says too much',
  severity: 'high',
  vulnerable_versions: '<9.0.0',
  cwe: [],
  cvss: { score: 0, vectorString: null },
};

describe('npm run audit', () => {
  /** @type {{status: number, body: unknown}} */
  let advisories;
  /** A registry that knows nothing but the advisories it is given. */
  const registry = createServer((request, response) => {
    const { status, body } =
      request.method === 'POST'
        ? advisories
        : { status: 200, body: { name: 'pino', 'dist-tags': { latest: '10.0.0' }, versions: { '10.0.0': { name: 'pino', version: '10.0.0' } } } };
    request.resume().once('end', () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)));
  });
  let url = '';
  beforeAll(async () => {
    await new Promise((resolve) => registry.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = registry.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}/`;
  });
  afterAll(() => registry.close());

  /** @returns {Promise<{code: number | string | null | undefined, stdout: string, stderr: string}>} */
  const audit = () =>
    new Promise((resolve) => {
      execFile(process.execPath, [AUDIT, '--registry', url], (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }));
    });

  it('passes where nothing is known, and says how many packages it asked about', async () => {
    advisories = { status: 200, body: {} };
    const { code, stdout } = await audit();
    expect(stdout).toMatch(/^0 of [1-9]\d\d+ packages have a known vulnerability$/m);
    expect(code).toBe(0);
  }, 120_000);

  it('fails with the package and the advisory', async () => {
    advisories = { status: 200, body: { pino: [{ ...ADVISORY, vulnerable_versions: '*' }] } };
    const { code, stdout } = await audit();
    expect(stdout).toMatch(/^high +pino .*Says too much https:\/\/example\.org\/advisories\/1$/m);
    expect(code).toBe(1);
  }, 120_000);

  it('does not pass where it cannot be asked', async () => {
    advisories = { status: 405, body: {} };
    const { code, stderr } = await audit();
    expect(stderr).toMatch(/^nat: the registry tells no vulnerabilities \(.+\): ask another, with --registry URL$/m);
    expect(code).toBe(2);
  }, 120_000);
});
