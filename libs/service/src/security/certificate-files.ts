import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';
import type { Logger } from '../observability/logger.ts';
import { versionOf } from './watched-file.ts';

/** PEM files of one side of a connection. */
export interface PemFiles {
  /** Certificate chain and private key, together or not at all. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Authorities of the other side. */
  readonly caFile?: string | undefined;
}

/** What the files hold. */
export interface Certificates {
  readonly identity: experimental.IdentityCertificateUpdate | null;
  readonly ca: experimental.CaCertificateUpdate;
}

type Listener = (certificates: Certificates) => void;

/** Checks that certificate, key and authorities belong together. @throws what Node's TLS says is wrong */
function check({ identity, ca }: Certificates): Certificates {
  createSecureContext({ ca: ca.caCertificate, ...(identity === null ? {} : { cert: identity.certificate, key: identity.privateKey }) });
  return { identity, ca };
}

/**
 * Certificates that are read again when their files change, for servers and clients of grpc-js and for HTTPS. New connections use what is new, and old
 * ones live on. While certificate and key do not belong together (one of two files is written), or make no sense, what was there stays in use:
 * grpc-js's own watcher would refuse connections until the next look.
 */
export class CertificateFiles implements experimental.CertificateProvider {
  readonly #files: PemFiles;
  readonly #logger: Logger | undefined;
  readonly #checkMs: number;
  readonly #listeners = new Map<object, Listener>();
  #timer: NodeJS.Timeout | undefined;
  #current: Certificates;
  #version: string;
  #complained: string | undefined;

  /** Reads the files now. @param checkMs between two looks at them @throws what reading throws, and what is wrong with what is read */
  constructor(files: PemFiles, logger?: Logger, checkMs = 1_000) {
    this.#files = files;
    this.#logger = logger;
    this.#checkMs = checkMs;
    this.#version = this.#versions();
    this.#current = this.#read();
  }

  get current(): Certificates {
    return this.#current;
  }

  /** Tells `listener` of every change, until `unsubscribe` with the same key. */
  subscribe(key: object, listener: Listener): void {
    this.#listeners.set(key, listener);
    this.#timer ??= setInterval(() => {
      this.#look();
    }, this.#checkMs).unref();
  }

  unsubscribe(key: object): void {
    this.#listeners.delete(key);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  // grpc-js asks for its first value this way, and only after it has asked: it is given in the next tick.
  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.subscribe(listener, ({ ca }) => listener(ca));
    process.nextTick(() => listener(this.#current.ca));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.unsubscribe(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.subscribe(listener, ({ identity }) => listener(identity));
    process.nextTick(() => listener(this.#current.identity));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.unsubscribe(listener);
  }

  #paths(): readonly string[] {
    return [this.#files.certFile, this.#files.keyFile, this.#files.caFile].filter((path) => path !== undefined);
  }

  #versions(): string {
    return this.#paths().map(versionOf).join(' ');
  }

  #read(): Certificates {
    const { certFile, keyFile, caFile } = this.#files;
    const identity = certFile === undefined || keyFile === undefined ? null : { certificate: readFileSync(certFile), privateKey: readFileSync(keyFile) };
    const ca = { caCertificate: caFile === undefined ? Buffer.from(getCACertificates('default').join('\n')) : readFileSync(caFile) };
    return check({ identity, ca });
  }

  #look(): void {
    let version: string | undefined;
    try {
      version = this.#versions();
      if (version === this.#version) return;
      this.#current = this.#read();
      this.#version = version;
      this.#complained = undefined;
    } catch (error) {
      const state = version ?? 'unreadable';
      if (this.#complained === state) return;
      this.#complained = state;
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger?.warn({ files: this.#paths(), reason }, 'the changed certificates are not used');
      return;
    }
    this.#logger?.info({ files: this.#paths() }, 'certificates read again: the files have changed');
    for (const listener of [...this.#listeners.values()]) listener(this.#current);
  }
}
