// Visits a directory, says so, and stays until SIGTERM.
import { once } from 'node:events';
import { visitDirectory } from '../database/embedded/directory-clients.ts';

const visit = await visitDirectory(process.argv[2] ?? '');
process.stdout.write('visiting\n');
const staying = setInterval(() => undefined, 1_000);
await once(process, 'SIGTERM');
await visit.end();
clearInterval(staying);
