import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import './kafkajs-timers.ts';

interface Queue {
  readonly push: (request: object) => void;
  readonly fulfillRequest: (answer: object) => void;
  readonly scheduleCheckPendingRequests: () => void;
  readonly destroy: () => void;
}
type QueueClass = new (options: object) => Queue;

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as QueueClass;

describe('the request queue of kafkajs', () => {
  const sent: number[] = [];
  let queue: Queue;
  const request = (correlationId: number): object => ({
    entry: { correlationId, resolve: () => undefined, reject: () => undefined },
    expectResponse: true,
    requestTimeout: 1_000,
    sendRequest: () => sent.push(correlationId),
  });
  const answer = (correlationId: number): object => ({ correlationId, payload: Buffer.alloc(0), size: 0 });

  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = 0;
    queue = new RequestQueue({
      maxInFlightRequests: 1,
      requestTimeout: 1_000,
      enforceRequestTimeout: false,
      clientId: 'c',
      broker: 'b',
      logger: { debug: () => undefined },
      isConnected: () => true,
    });
  });
  afterEach(() => {
    queue.destroy();
    vi.useRealTimers();
  });

  it('sets no timer while nothing waits', () => {
    queue.scheduleCheckPendingRequests();
    queue.push(request(1));
    queue.fulfillRequest(answer(1));
    expect(sent).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('sends what waited once there is room, in order', () => {
    for (const id of [1, 2, 3]) queue.push(request(id));
    expect(sent).toEqual([1]);
    expect(vi.getTimerCount()).toBe(1);
    for (const id of [1, 2, 3]) {
      queue.fulfillRequest(answer(id));
      vi.advanceTimersByTime(20);
    }
    expect(sent).toEqual([1, 2, 3]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
