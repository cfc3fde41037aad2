import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig, serverEnvironment, serverProtection } from './config.ts';

describe('loadConfig', () => {
  const schema = z.object({ ...serverEnvironment, NAT_DATA_DIR: z.string(), NAT_WORKERS: z.coerce.number().int() });

  it('reads, converts, fills in and freezes; an empty variable is absent', () => {
    const config = loadConfig(schema, { NAT_DATA_DIR: '/d', NAT_WORKERS: '3', NAT_HOST: '', PATH: '/bin' });
    expect(config).toMatchObject({ NAT_DATA_DIR: '/d', NAT_WORKERS: 3, NAT_HOST: '127.0.0.1', NAT_LOG_LEVEL: 'info' });
    expect(config).not.toHaveProperty('PATH');
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every bad key at once and no value', () => {
    const load = () => loadConfig(schema, { NAT_PORT: 'hunter2', NAT_LOG_LEVEL: 'hunter2', NAT_WORKERS: '1.5' });
    expect(load).toThrow(/NAT_PORT.*NAT_LOG_LEVEL.*NAT_DATA_DIR: is required.*NAT_WORKERS/s);
    expect(load).not.toThrow(/hunter2/);
  });

  it('wants the certificate and its key together', () => {
    const protection = (env: Record<string, string>) => serverProtection(loadConfig(z.object(serverEnvironment), env));
    expect(protection({})).toEqual({});
    expect(protection({ NAT_TLS_CERT_FILE: 'c', NAT_TLS_KEY_FILE: 'k' })).toEqual({ tls: { certFile: 'c', keyFile: 'k' } });
    expect(() => protection({ NAT_TLS_CERT_FILE: 'c' })).toThrow(/belong together/);
    expect(() => protection({ NAT_TLS_CLIENT_CA_FILE: 'a' })).toThrow(/needs/);
  });
});
