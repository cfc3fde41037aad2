import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tar from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchArchive, type Archive } from './fetch-archive.ts';

describe('fetchArchive', () => {
  let folder: string;
  let server: Server;
  let archive: Archive;
  let answered: number;
  /** Bytes after which the server drops the first connection. */
  let dropsAfter: number | undefined;
  const labels = Buffer.alloc(100_000, 'coarse fine ');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-fetch-'));
    await mkdir(join(folder, 'source', 'images-binary'), { recursive: true });
    await writeFile(join(folder, 'source', 'images-binary', 'train.bin'), labels);
    await tar.create({ gzip: true, file: join(folder, 'archive.tar.gz'), cwd: join(folder, 'source') }, ['images-binary']);
    const bytes = await readFile(join(folder, 'archive.tar.gz'));
    answered = 0;
    dropsAfter = undefined;
    server = createServer((request, response) => {
      answered++;
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const rest = bytes.subarray(start);
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length });
      if (dropsAfter === undefined || answered > 1) response.end(rest);
      else response.write(rest.subarray(0, dropsAfter), () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    archive = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/images.tar.gz`,
      file: 'images.tar.gz',
      md5: createHash('md5').update(bytes).digest('hex'),
    };
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  it('leaves the folder of the archive, over a connection that breaks, and nothing else', async () => {
    dropsAfter = 100;
    const directory = join(folder, 'data');
    const seen: number[] = [];
    await fetchArchive(archive, { directory, onProgress: (bytes) => seen.push(bytes) });
    expect(await readdir(directory)).toEqual(['images-binary']);
    expect(await readFile(join(directory, 'images-binary', 'train.bin'))).toEqual(labels);
    expect(answered).toBe(2);
    expect(seen.at(-1)).toBe((await readFile(join(folder, 'archive.tar.gz'))).length);
  });

  it('unpacks an archive that was downloaded before', async () => {
    const directory = join(folder, 'data');
    await mkdir(directory);
    await writeFile(join(directory, 'images.tar.gz'), await readFile(join(folder, 'archive.tar.gz')));
    await fetchArchive(archive, { directory });
    expect(await readdir(directory)).toEqual(['images-binary']);
    expect(answered).toBe(0);
  });

  it('unpacks nothing of an archive with another checksum', async () => {
    const directory = join(folder, 'data');
    await expect(fetchArchive({ ...archive, md5: '0'.repeat(32) }, { directory })).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
    expect(await readdir(directory)).toEqual([]);
  });
});
