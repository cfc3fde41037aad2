// Opens a database directory, says so, and stays.
import { isDomainError } from '@nat/base/errors';
import { openEmbedded } from '../database/embedded/embedded.ts';

const [directory = '', address = ''] = process.argv.slice(2);
try {
  const { publishAddress } = await openEmbedded(directory);
  await publishAddress(address);
  process.stdout.write(`open ${String(process.pid)}\n`);
  setInterval(() => undefined, 1_000);
} catch (error) {
  if (!isDomainError(error)) throw error;
  process.stdout.write(`refused ${error.reason} ${JSON.stringify(error.metadata)}\n`);
}
