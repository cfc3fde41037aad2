import { DomainError } from '@nat/base/errors';
import { watchFile, type WatchedFile } from './watched-file.ts';

/**
 * The bearer token that a file holds, for `createChannelTo`; read again when it changes, as projected tokens do every few minutes.
 * @throws DomainError FAILED_PRECONDITION when it holds none; what reading throws
 */
export function readTokenFile(path: string): WatchedFile<string> {
  return watchFile(path, {
    parse: (text) => {
      const token = text.trim();
      if (token !== '' && !/\s/.test(token)) return token;
      throw new DomainError('FAILED_PRECONDITION', `${path} holds no token`, { reason: 'NO_TOKENS' });
    },
  });
}
