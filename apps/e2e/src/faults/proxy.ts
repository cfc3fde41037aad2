import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** What a link does with what it is given. */
export type LinkMode = 'pass' | 'cut' | { readonly delayMs: number };

/** A link between processes of two kinds, over TCP on loopback. */
export interface Link {
  readonly port: number;
  /** `cut`: nothing arrives any more, and connections stay open, as when a network drops; `pass` again delivers what was held, late. */
  readonly set: (mode: LinkMode) => void;
  readonly close: () => Promise<void>;
}

/** Stands before a port. */
export async function openLink(to: number): Promise<Link> {
  let mode: LinkMode = 'pass';
  const sockets = new Set<Socket>();
  const pairs = new Set<readonly [Socket, Socket]>();

  const flow = (from: Socket, into: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      if (typeof mode === 'object') setTimeout(() => into.write(chunk), mode.delayMs);
      else if (!into.write(chunk)) from.pause();
    });
    into.on('drain', () => {
      if (mode !== 'cut') from.resume();
    });
    from.on('end', () => into.end());
    from.on('error', () => into.destroy());
    from.on('close', () => into.destroy());
  };
  const server = createServer((inbound) => {
    const outbound = connect(to, '127.0.0.1');
    const pair = [inbound, outbound] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        pairs.delete(pair);
      });
    }
    flow(inbound, outbound);
    flow(outbound, inbound);
    if (mode === 'cut') for (const socket of pair) socket.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      mode = next;
      for (const socket of sockets) {
        if (mode === 'cut') socket.pause();
        else socket.resume();
      }
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
