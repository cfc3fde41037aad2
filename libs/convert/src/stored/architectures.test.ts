import { readFileSync } from 'node:fs';
import { zooArchitecture, type Architecture } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import { describe, expect, it } from 'vitest';
import { architectureFromRef } from '../architecture-ref.ts';
import { architectureFromSpec, architectureToSpec } from '../architecture-spec.ts';
import { placementFromWire } from '../placement.ts';
import { upgradeArchitectureRef, upgradeArchitectureSpec, upgradePlacement } from './architectures.ts';

const stored = JSON.parse(readFileSync(new URL('../../../../fixtures/messages/architectures-2dfdfcc.json', import.meta.url), 'utf8')) as {
  readonly subjects: Readonly<Record<string, string>>;
  readonly placement: string;
};
const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
const nameless = ({ name: _, ...rest }: Architecture): unknown => rest;

describe('messages that an earlier version stored', () => {
  it.each(Object.entries(stored.subjects))('%s is the architecture that it was', (name, base64) => {
    const upgraded = upgradeArchitectureRef(bytesOf(base64));
    expect(nameless(architectureFromRef(wire.ArchitectureRef.decode(upgraded), 'ref'))).toEqual(nameless(zooArchitecture(name)));
    // What has the present form stays as it is.
    expect(Buffer.from(upgradeArchitectureRef(upgraded))).toEqual(Buffer.from(upgraded));
  });

  it('a placement keeps its image size', () => {
    const placement = wire.Placement.decode(upgradePlacement(bytesOf(stored.placement)));
    expect(placementFromWire(placement)).toEqual({ network: 'evaluation', channels: 16, layers: 8, imageSize: 48, classes: 100 });
  });

  it('a spec of now passes through', () => {
    for (const name of ['mobilenet_v2', 'resnet20', 'DARTS']) {
      const bytes = wire.ArchitectureSpec.encode(architectureToSpec(zooArchitecture(name))).finish();
      expect(architectureFromSpec(wire.ArchitectureSpec.decode(upgradeArchitectureSpec(bytes)), 'spec', name)).toEqual(zooArchitecture(name));
    }
  });
});
