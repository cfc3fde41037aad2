import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { download } from './download.ts';

const content = randomBytes(300_000);
const md5 = createHash('md5').update(content).digest('hex');

/** Resolves when so many bytes of a file are there. */
async function arrived(file: string, bytes: number): Promise<void> {
  await vi.waitUntil(() => stat(file).then(({ size }) => size >= bytes, () => false), { timeout: 60_000 }); // prettier-ignore
}

describe('download', () => {
  let server: Server;
  let folder: string;
  let url: string;
  let behaviour: 'whole' | 'drops' | 'truncates' | 'corrupt' | 'no ranges';
  let ranges: (string | undefined)[];

  beforeEach(async () => {
    behaviour = 'whole';
    ranges = [];
    folder = await mkdtemp(join(tmpdir(), 'nat-download-'));
    server = createServer((request, response) => {
      ranges.push(request.headers.range);
      const start = behaviour === 'no ranges' ? 0 : Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const rest = content.subarray(start, behaviour === 'truncates' ? 200_000 : undefined);
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length });
      if ((behaviour === 'drops' || behaviour === 'no ranges') && ranges.length === 1) {
        response.write(rest.subarray(0, 100_000));
        void arrived(join(folder, 'archive.part'), 100_000).then(() => response.destroy());
        return;
      }
      response.end(behaviour === 'corrupt' ? Buffer.alloc(rest.length) : rest);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  it('fetches a file and says how far it is', async () => {
    const seen: number[] = [];
    await download({ url, file: join(folder, 'archive'), md5, onProgress: (bytes) => seen.push(bytes) });
    expect(await readFile(join(folder, 'archive'))).toEqual(content);
    expect(seen.at(-1)).toBe(content.length);
  });

  it('goes on where a broken connection left off', async () => {
    behaviour = 'drops';
    await download({ url, file: join(folder, 'archive'), md5 });
    expect(await readFile(join(folder, 'archive'))).toEqual(content);
    expect(ranges).toEqual([undefined, 'bytes=100000-']);
  });

  it('begins again where a server cannot go on', async () => {
    behaviour = 'no ranges';
    await download({ url, file: join(folder, 'archive'), md5 });
    expect(await readFile(join(folder, 'archive'))).toEqual(content);
    expect(ranges).toEqual([undefined, 'bytes=100000-']);
  });

  it('does not ask again for what is there', async () => {
    await download({ url, file: join(folder, 'archive'), md5 });
    await download({ url, file: join(folder, 'archive'), md5 });
    expect(ranges.length).toBe(1);
    await writeFile(join(folder, 'archive'), 'something else');
    await download({ url, file: join(folder, 'archive'), md5 });
    expect(await readFile(join(folder, 'archive'))).toEqual(content);
  });

  it.each(['corrupt', 'truncates'] as const)('keeps nothing of a wrong file (%s)', async (wrong) => {
    behaviour = wrong;
    await expect(download({ url, file: join(folder, 'archive'), md5 })).rejects.toMatchObject({ kind: 'DATA_LOSS', reason: 'CHECKSUM_MISMATCH' });
    await expect(stat(join(folder, 'archive'))).rejects.toThrow();
    await expect(stat(join(folder, 'archive.part'))).rejects.toThrow();
  });

  it('says so when nobody answers', async () => {
    server.closeAllConnections();
    server.close();
    await expect(download({ url, file: join(folder, 'archive'), md5, policy: { initialIntervalMs: 1, maximumAttempts: 2 } })).rejects.toMatchObject({
      kind: 'UNAVAILABLE',
    });
  });
});
