/** Architectures known by name: everything the official repositories publish, and real networks. */
import { DomainError } from '@nat/base/errors';
import { readGenotype } from '../text/genotype.ts';
import { nearestName } from '../text/operation-names.ts';
import { PUBLISHED_GENOTYPES } from './published-genotypes.ts';
import type { PublishedName } from './published-genotypes.ts';
import { mobilenetV2, resnet, vgg16 } from './real-networks.ts';
import type { OfficialRepository, OperationType } from './official-spaces.ts';
import type { Architecture } from '../cell/types.ts';
import type { Cost } from '@nat/graph';
import { zooCost, type ZooName } from './zoo-costs.ts';

export interface ZooEntry {
  /** As published; looked up without regard to case. */
  readonly name: string;
  readonly kind: 'published' | 'network';
  readonly description: string;
  /** The official repositories that define it; empty for real networks. */
  readonly repositories: readonly OfficialRepository[];
  /** The operation list its official policy uses. Absent for real networks, which no official policy reads. */
  readonly operationType?: OperationType;
  /** For a published result of NAT or NAT++: the zoo name it was transformed from. */
  readonly transformedFrom?: string;
  /** Where it is placed by default. */
  readonly cost: Cost;
  readonly architecture: () => Architecture;
}

const SOURCES: Readonly<Record<string, string>> = {
  DARTS: 'DARTS (Liu et al. 2019), second order',
  ENAS: 'ENAS (Pham et al. 2018)',
  NAONet: 'NAONet (Luo et al. 2018)',
  VGG: "a VGG-like block as the official cell (not the network, which is 'vgg16')",
  ResBlock: "a residual block as the official cell (not the networks 'resnet20' and 'resnet56')",
  Mobilenetv2: "an inverted residual block as the official cell (not the network, which is 'mobilenet_v2')",
};

function publishedEntry(name: PublishedName): ZooEntry {
  const { repositories, text } = PUBLISHED_GENOTYPES[name];
  const [, method, base = name] = /^(NAT|NATv2)_(.*)$/.exec(name) ?? [];
  const source = base === 'MobileNetv2' ? 'Mobilenetv2' : base;
  const what = SOURCES[source] ?? `randomly drawn cell ${source} of the NAT paper`;
  return {
    name,
    kind: 'published',
    description: method === undefined ? what : `${method === 'NAT' ? 'NAT' : 'NAT++'}'s published result for ${source}`,
    repositories,
    operationType: source === 'ENAS' || source === 'NAONet' ? 'LOOSE_END_PRIMITIVES' : 'FULLY_CONCAT_PRIMITIVES',
    ...(method === undefined ? {} : { transformedFrom: source }),
    cost: zooCost(name),
    architecture: () => ({ ...readGenotype(text), name }),
  };
}

function networkEntry(name: ZooName, description: string, architecture: () => Architecture): ZooEntry {
  return { name, kind: 'network', description, repositories: [], cost: zooCost(name), architecture };
}

/** All entries, published cells first. */
export function listZoo(): readonly ZooEntry[] {
  return [
    ...(Object.keys(PUBLISHED_GENOTYPES) as PublishedName[]).map(publishedEntry),
    networkEntry('vgg16', 'VGG-16 with batch normalisation for CIFAR', vgg16),
    networkEntry('resnet20', 'ResNet-20 for CIFAR with option A shortcuts', () => resnet(20)),
    networkEntry('resnet56', 'ResNet-56 for CIFAR with option A shortcuts', () => resnet(56)),
    networkEntry('mobilenet_v2', 'MobileNetV2 with expansion 6 at CIFAR strides', mobilenetV2),
  ];
}

/** The entry of that name, in any case, or undefined. */
export function findZooEntry(name: string): ZooEntry | undefined {
  const wanted = name.trim().toLowerCase();
  return listZoo().find((entry) => entry.name.toLowerCase() === wanted);
}

/** @throws DomainError NOT_FOUND, reason UNKNOWN_ARCHITECTURE, with the nearest name */
export function zooArchitecture(name: string): Architecture {
  const entry = findZooEntry(name);
  if (entry !== undefined) return entry.architecture();
  const nearest = nearestName(
    name,
    listZoo().map((each) => each.name),
  );
  const hint = nearest === undefined ? 'the zoo has no name like it' : `the nearest in the zoo is ${nearest}`;
  throw new DomainError('NOT_FOUND', `no architecture is named ${JSON.stringify(name.slice(0, 80))}: ${hint}`, { reason: 'UNKNOWN_ARCHITECTURE' });
}
