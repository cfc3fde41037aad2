import { describe, expect, it } from 'vitest';
import { architectureCost } from '../cost/cost.ts';
import { officialSpace } from './official-spaces.ts';
import { findZooEntry, listZoo, zooArchitecture } from './zoo.ts';

describe('zoo', () => {
  it('holds every published cell and the real networks, under unique names', () => {
    const names = listZoo().map(({ name }) => name);
    expect(names).toHaveLength(32);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['DARTS', 'NAT_ENAS', 'NATv2_NAONet', 'R5', 'NAT_R1', 'Mobilenetv2', 'vgg16', 'resnet20', 'resnet56', 'mobilenet_v2']),
    );
  });

  it('states what each costs', () => {
    for (const { name, cost, architecture } of listZoo()) expect(architectureCost(architecture()), name).toEqual(cost);
  });

  it('looks names up in any case and keeps the block cell apart from the network', () => {
    expect(findZooEntry('darts')?.name).toBe('DARTS');
    expect(findZooEntry('nat_mobilenetV2')?.name).toBe('NAT_MobileNetv2');
    expect(zooArchitecture('MOBILENETV2').skeleton.kind).toBe('repeated');
    expect(zooArchitecture('MobileNet_V2').skeleton.kind).toBe('explicit');
    expect(() => zooArchitecture('resnet21')).toThrow(/no architecture is named "resnet21"/);
  });

  it('names the source of every published result', () => {
    for (const entry of listZoo()) {
      if (entry.transformedFrom === undefined) continue;
      expect(findZooEntry(entry.transformedFrom)?.kind, entry.name).toBe('published');
    }
    expect(findZooEntry('NATv2_MobileNetv2')?.transformedFrom).toBe('Mobilenetv2');
  });

  it('gives each published cell an official space that has its operations, NAONet excepted', () => {
    for (const entry of listZoo()) {
      if (entry.operationType === undefined || entry.name.includes('NAONet')) continue;
      for (const repository of entry.repositories) {
        const space = officialSpace(repository, entry.operationType);
        for (const cell of entry.architecture().cells) {
          expect(cell.nodes - cell.inputs, entry.name).toBe(space.steps);
          for (const { operation } of cell.edges) expect(space.primitives, `${entry.name} in ${repository}`).toContain(operation.name);
        }
      }
    }
  });

  it('gives each block of a real network its own cell', () => {
    expect(zooArchitecture('vgg16').cells.map(({ name }) => name)).toEqual(['stage1', 'stage2', 'stage3', 'stage4', 'stage5']);
    expect(zooArchitecture('resnet56').cells).toHaveLength(27);
    expect(zooArchitecture('mobilenet_v2').cells).toHaveLength(17);
  });
});
