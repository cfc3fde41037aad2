import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { isDomainError } from '@nat/base/errors';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../observability/logger.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { thrownBy } from '../testing/thrown-by.ts';
import { createAuthentication, type Authenticate } from './authentication.ts';
import { createCertificateLookup } from './certificate-caller.ts';
import { parseCredentials } from './credentials-file.ts';
import { createJwtVerifier } from './jwt.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const folder = temporaryFolder();
afterAll(() => folder.remove());

const ask = async (authenticate: Authenticate, authorization?: string) => authenticate({ authorization, certificate: () => undefined }, logger);

describe('the tokens file', () => {
  it('says for each token whose namespaces it opens and in which role; a bare token opens everything', async () => {
    const authenticate = createAuthentication({ tokensFile: folder.path('grants', '# comment\n\nadmin-token\nt1 team-a,team-b editor\nt2 * reader\n') });
    expect(await ask(authenticate, 'Bearer admin-token')).toMatchObject({ namespaces: '*', role: 'admin' });
    expect(await ask(authenticate, 'bearer t1')).toMatchObject({ namespaces: new Set(['team-a', 'team-b']), role: 'editor', credentials: 'token' });
    expect(await ask(authenticate, 'Bearer t2')).toMatchObject({ namespaces: '*', role: 'reader' });
    expect((await ask(authenticate, 'Bearer t1')).subject).toMatch(/^token:[0-9a-f]{12}$/);
    for (const wrong of [undefined, '', 'Bearer', 'Bearer t', 'Bearer t1x', 'Basic t1', 'Bearer # comment']) {
      expect(await thrownBy(async () => ask(authenticate, wrong))).toMatchObject({ kind: 'UNAUTHENTICATED' });
    }
  });

  it.each([
    ['t1 team-a', /line 1: a line holds/],
    ['ok\nsecret-1 team-a owner', /line 2: the role is one of/],
    ['secret-1 Team_A editor', /line 1: a namespace is/],
    ['secret-1 - editor', /line 1: a namespace is/],
    ['secret-1 team-a worker', /line 1: a worker serves every namespace/],
    ['secret-1 team-a editor more', /line 1: a line holds/],
    ['# nothing', /holds no credentials/],
  ])('refuses %j and does not repeat it', (text, message) => {
    let thrown: unknown;
    try {
      parseCredentials(text, 'tokens');
    } catch (error) {
      thrown = error;
    }
    expect(isDomainError(thrown) && thrown.message).toMatch(message);
    expect(String(thrown)).not.toContain('secret-1');
  });

  it('is read again when it changes; a state that makes no sense is not used', async () => {
    const path = folder.path('changing', 'old');
    const authenticate = createAuthentication({ tokensFile: path });
    await ask(authenticate, 'Bearer old');
    writeFileSync(path, 'new team-a reader\n');
    await vi.waitFor(async () => expect(await ask(authenticate, 'Bearer new')).toMatchObject({ role: 'reader' }), { timeout: 20_000 });
    expect(await thrownBy(async () => ask(authenticate, 'Bearer old'))).toMatchObject({ kind: 'UNAUTHENTICATED' });
    writeFileSync(path, 'third one two three four');
    const warned = vi.fn();
    const listening = { warn: warned, info: vi.fn() } as unknown as typeof logger;
    await vi.waitFor(
      async () => {
        expect(await authenticate({ authorization: 'Bearer new', certificate: () => undefined }, listening)).toMatchObject({ role: 'reader' });
        expect(warned).toHaveBeenCalled();
      },
      { timeout: 20_000 },
    );
  });
});

describe('JSON Web Tokens', () => {
  const claims = { nat_namespaces: ['team-a'], nat_role: 'editor' };
  const issuer = 'https://issuer.example.org';
  const audience = 'nat';
  let first: { publicKey: CryptoKey; privateKey: CryptoKey };
  let second: typeof first;
  let http: HttpServer;
  let served: unknown[];
  let fetches = 0;
  let status = 200;

  beforeAll(async () => {
    first = await generateKeyPair('ES256', { extractable: true });
    second = await generateKeyPair('RS256', { extractable: true });
    served = [{ ...(await exportJWK(first.publicKey)), kid: 'one', alg: 'ES256' }];
    http = createHttpServer((_request, response) => {
      fetches += 1;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: served }));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => http.once('listening', resolve));
  });
  afterAll(() => http.close());

  const url = () => `http://127.0.0.1:${(http.address() as AddressInfo).port}/keys`;
  const sign = async (payload: Readonly<Record<string, unknown>>, key: CryptoKey = first.privateKey, header = { alg: 'ES256', kid: 'one' }) =>
    new SignJWT({ sub: 'ada', iss: issuer, aud: audience, exp: Math.floor(Date.now() / 1000) + 600, ...payload }).setProtectedHeader(header).sign(key);

  it('say who calls, in which namespaces and in which role', async () => {
    const verify = createJwtVerifier({ issuer, audience, keys: { url: url() } });
    expect(await verify(await sign(claims))).toEqual({ subject: 'ada', credentials: 'jwt', role: 'editor', namespaces: new Set(['team-a']) });
    expect(await verify(await sign({ nat_namespaces: 'team-a team-b', nat_role: 'reader' }))).toMatchObject({ namespaces: new Set(['team-a', 'team-b']) });
    expect(await verify(await sign({ nat_namespaces: ['*'], nat_role: 'worker' }))).toMatchObject({ namespaces: '*', role: 'worker' });
    // The issuer's clock may be a little off.
    expect(await verify(await sign({ ...claims, exp: Math.floor(Date.now() / 1000) - 10 }))).toMatchObject({ subject: 'ada' });
  });

  it('are refused when anything does not fit, and say what', async () => {
    const verify = createJwtVerifier({ issuer, audience, keys: { url: url() } });
    const past = Math.floor(Date.now() / 1000) - 3600;
    const refused: [string, RegExp][] = [
      [await sign({ ...claims, exp: past }), /it has expired/],
      [await sign({ ...claims, iss: 'https://other.example.org' }), /its iss does not fit/],
      [await sign({ ...claims, aud: 'other' }), /its aud does not fit/],
      [await sign({ ...claims, nbf: past + 7200 }), /its nbf does not fit/],
      [await sign({ ...claims, exp: undefined }), /its exp does not fit/],
      [await sign({ ...claims, sub: undefined }), /its sub does not fit/],
      [await sign({}), /claims nat_namespaces and nat_role: the role is one of/],
      [await sign({ nat_role: 'editor' }), /names at least one namespace/],
      [await sign({ nat_role: 'owner', nat_namespaces: ['team-a'] }), /the role is one of/],
      [await sign({ nat_role: 'editor', nat_namespaces: ['-'] }), /a namespace is/],
      [(await sign(claims)).replace(/.{4}$/, 'AAAA'), /its signature is wrong/],
      ['a.b.c', /its form or its signature is wrong/],
    ];
    for (const [token, why] of refused) {
      const error = await thrownBy(async () => verify(token));
      expect(error).toMatchObject({ kind: 'UNAUTHENTICATED', reason: 'INVALID_TOKEN' });
      expect((error as Error).message).toMatch(why);
      expect((error as Error).message).not.toContain(token);
    }
  });

  it('are refused without a signature, and with a public key taken for a secret', async () => {
    const verify = createJwtVerifier({ issuer, audience, keys: { url: url() } });
    const unsigned = new UnsecuredJWT({ ...claims, sub: 'eve', iss: issuer, aud: audience }).setExpirationTime('1h').encode();
    const secret = new TextEncoder().encode(await exportSPKI(first.publicKey));
    const confused = await new SignJWT({ ...claims, sub: 'eve', iss: issuer, aud: audience })
      .setExpirationTime('1h')
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(secret);
    for (const token of [unsigned, confused]) expect(await thrownBy(async () => verify(token))).toMatchObject({ kind: 'UNAUTHENTICATED' });
  });

  it('follow a rotation of keys without a restart, and do not hammer the issuer', async () => {
    const before = [...served];
    const verify = createJwtVerifier({ issuer, audience, keys: { url: url() }, cooldownMs: 200 });
    const rotated = await sign(claims, second.privateKey, { alg: 'RS256', kid: 'two' });
    await verify(await sign(claims));
    fetches = 0;
    for (let i = 0; i < 5; i += 1) expect(await thrownBy(async () => verify(rotated))).toMatchObject({ kind: 'UNAUTHENTICATED' });
    // Within the cooldown an unknown key asks nobody.
    expect(fetches).toBeLessThan(5);
    served = [{ ...(await exportJWK(second.publicKey)), kid: 'two', alg: 'RS256' }];
    await vi.waitFor(async () => expect(await verify(rotated)).toMatchObject({ subject: 'ada' }), { timeout: 20_000 });
    expect(await thrownBy(async () => verify(await sign(claims)))).toMatchObject({ kind: 'UNAUTHENTICATED' });
    served = before;
  });

  it('are UNAVAILABLE and not refused when the keys cannot be had', async () => {
    status = 500;
    const verify = createJwtVerifier({ issuer, audience, keys: { url: url() } });
    expect(await thrownBy(async () => verify(await sign(claims)))).toMatchObject({ kind: 'UNAVAILABLE', reason: 'NO_ISSUER_KEYS' });
    status = 200;
    const nobody = createJwtVerifier({ issuer, audience, keys: { url: 'http://127.0.0.1:1/' } });
    expect(await thrownBy(async () => nobody(await sign(claims)))).toMatchObject({ kind: 'UNAVAILABLE' });
  });

  it('are checked by a file of keys, read again when it changes', async () => {
    const path = folder.path('keys.json', JSON.stringify({ keys: served }));
    const authenticate = createAuthentication({ tokensFile: folder.path('beside', 'plain'), jwt: { issuer, audience, keys: { file: path } } });
    expect(await ask(authenticate, `Bearer ${await sign(claims)}`)).toMatchObject({ subject: 'ada', credentials: 'jwt' });
    expect(await ask(authenticate, 'Bearer plain')).toMatchObject({ role: 'admin', credentials: 'token' });
    writeFileSync(path, JSON.stringify({ keys: [{ ...(await exportJWK(second.publicKey)), kid: 'two' }] }));
    const rotated = `Bearer ${await sign(claims, second.privateKey, { alg: 'RS256', kid: 'two' })}`;
    await vi.waitFor(async () => expect(await ask(authenticate, rotated)).toMatchObject({ subject: 'ada' }), { timeout: 20_000 });
  });

  it('have their keys from a safe place', () => {
    expect(() => createJwtVerifier({ issuer, audience, keys: { url: 'http://issuer.example.org/keys' } })).toThrow(/https/);
    expect(() => createJwtVerifier({ issuer, audience, keys: { file: folder.path('none.json') } })).toThrow(/ENOENT/);
  });
});

describe('client certificates', () => {
  const certificate = { subject: { CN: 'worker-7' }, subjectaltname: 'DNS:gpu-7, URI:spiffe://nat/worker, IP Address:127.0.0.1, DNS:"a, DNS:admin"' } as never;

  it('are services, named by their URI, DNS name or common name', () => {
    expect(createCertificateLookup()(certificate)).toEqual({ subject: 'spiffe://nat/worker', role: 'service', namespaces: '*', credentials: 'certificate' });
    expect(createCertificateLookup()({ subject: { CN: 'policy' } } as never)).toMatchObject({ subject: 'policy' });
  });

  it('are what a list says, and nobody when none of their names is on it', () => {
    const lookup = (text: string) => createCertificateLookup(parseCredentials(text, 'list'))(certificate);
    expect(lookup('spiffe://nat/worker * worker')).toMatchObject({ role: 'worker', subject: 'spiffe://nat/worker' });
    expect(lookup('gpu-7 * worker')).toMatchObject({ role: 'worker', subject: 'gpu-7' });
    expect(lookup('admin * admin')).toBeUndefined();
  });
});
