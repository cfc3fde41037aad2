export { Notifier, type Waiter } from './notifier.ts';
