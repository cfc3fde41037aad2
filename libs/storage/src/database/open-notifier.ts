import { Notifier } from '@nat/base/notify';
import type { AnyDatabase } from './database.ts';

/** A notifier of what is signalled on a channel of the database, by any process. Signals may be missed, so whoever waits looks by itself too now and then. */
export function openNotifier(database: AnyDatabase, channel: string): Promise<Notifier> {
  return Notifier.open((notify) => database.listen(channel, notify));
}
