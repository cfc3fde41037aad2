import { officialSpace, randomBlockArchitecture, writeGenotype, zooArchitecture, type OfficialSpace, type SchemeName } from '@nat/cells';
import type { SearchSpace } from './space.ts';

/** Spaces around published blocks, by name, with the block of the zoo that each is around. */
const BLOCKS = { resblock: 'ResBlock', vgg: 'VGG', mobilenetv2: 'Mobilenetv2' } as const;
export type BlockSpaceName = keyof typeof BLOCKS;

/** The block of the zoo that a space is around. */
export function blockOf(name: BlockSpaceName): string {
  return BLOCKS[name];
}

/** The operations of a block's space: NAT's list where it holds the block's, else NAT++'s (MobileNetV2's block has 1x1 convolutions). */
export function blockOperations(name: BlockSpaceName, scheme: SchemeName): OfficialSpace {
  return officialSpace(scheme === 'nat' && name !== 'mobilenetv2' ? 'NAT' : 'NATv2', 'FULLY_CONCAT_PRIMITIVES');
}

/**
 * Cells around a block, as `randomBlockArchitecture` draws them. The official code has no such space: it transforms blocks with a policy learned on
 * random cells. Here a quarter of the sources are the block, a half its neighbours, and a quarter those random cells.
 */
export function blockSpace(name: BlockSpaceName, scheme: SchemeName): SearchSpace {
  const block = zooArchitecture(BLOCKS[name]);
  const operations = blockOperations(name, scheme);
  return {
    name,
    recurring: false,
    sampleSource: (stream) => {
      const architecture = randomBlockArchitecture(block, operations, stream);
      return { text: writeGenotype(architecture), architecture };
    },
  };
}
