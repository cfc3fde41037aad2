import { describe, expect, it } from 'vitest';
import { machineOf, missingEntries } from './fixlock.mjs';

describe('machineOf', () => {
  it('reads the machine out of a package name', () => {
    expect(machineOf('@bufbuild/buf-darwin-arm64')).toEqual({ os: ['darwin'], cpu: ['arm64'] });
    expect(machineOf('@oxc-parser/binding-linux-arm-musleabihf')).toEqual({ os: ['linux'], cpu: ['arm'], libc: ['musl'] });
    expect(machineOf('@oxc-parser/binding-win32-x64-msvc')).toEqual({ os: ['win32'], cpu: ['x64'] });
    expect(machineOf('fsevents')).toBeUndefined();
  });
});

describe('missingEntries', () => {
  it('finds what is named and not held, where Node would look for it', () => {
    const lock = {
      packages: {
        'node_modules/a': { dev: true, optionalDependencies: { 'a-linux-x64': '1.0.0', 'a-darwin-arm64': '1.0.0', 'a-win32-x64': '1.0.0' } },
        'node_modules/a/node_modules/a-linux-x64': {},
        'node_modules/a-darwin-arm64': {},
      },
    };
    expect(missingEntries(lock)).toEqual([{ name: 'a-win32-x64', entry: { version: '1.0.0', dev: true, optional: true, os: ['win32'], cpu: ['x64'] } }]);
  });
});
