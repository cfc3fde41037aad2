import { describe, expect, it } from 'vitest';
import { isLoopback } from './tls.ts';

describe('isLoopback', () => {
  it('knows what only this machine reaches', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', 'unix:/tmp/s']) expect(isLoopback(host), host).toBe(true);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '127.0.0.1.example.org', '']) expect(isLoopback(host), host).toBe(false);
  });
});
