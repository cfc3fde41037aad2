// Registers as a client of a directory, says so, and stays until SIGTERM.
import { once } from 'node:events';
import { registerClient } from '../database/embedded/directory-clients.ts';

const client = await registerClient(process.argv[2] ?? '');
process.stdout.write('registered\n');
const staying = setInterval(() => undefined, 1_000);
await once(process, 'SIGTERM');
await client.end();
clearInterval(staying);
