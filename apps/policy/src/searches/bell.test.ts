import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { afterAll, beforeAll, it } from 'vitest';
import { openBell, type Bell } from './bell.ts';

/** Longer than a test may take: what ends earlier was woken. */
const LONG_MS = 10 * 60_000;
const { signal } = new AbortController();
let home: TestDatabase;
let bell: Bell;

beforeAll(async () => {
  home = await embeddedDatabase();
  bell = await openBell(home.database, 'test/bell');
});
afterAll(async () => {
  await bell.close();
  await home.dispose();
});

it('wakes who waits when the channel is signalled', async () => {
  bell.reset();
  const woken = bell.wait(LONG_MS, signal);
  home.database.signal('test/bell');
  await woken;
});

it('keeps a ring for each who has not heard it, whoever else has', async () => {
  const [one, other] = [bell.waiter(), bell.waiter()];
  one.reset();
  other.reset();
  bell.ring();
  await one.wait(LONG_MS, signal);
  one.reset(); // does not take it from the other
  await other.wait(LONG_MS, signal);
  other.reset();
  await other.wait(1, signal); // nothing new: ends by itself
});
