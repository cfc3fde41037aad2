import { architectureIdentity, writeGenotype, writeNasBench201, type Architecture, type Cost } from '@nat/cells';
import type { transform as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { architectureToSpec } from './architecture-spec.ts';
import { certificateToWire, type CertifiedCost } from './certificate.ts';
import { costToWire } from './cost.ts';
import { edgeEditToWire, type DecidedEdge } from './edits.ts';

/** How much of an answer is built: specs, identities and edges cost more than the transform itself. */
export type ResponseView = 'full' | 'basic';

export function viewFromWire(view: wire.View): ResponseView {
  return view === 'VIEW_BASIC' ? 'basic' : 'full';
}

/** One transform of an architecture, as a policy sampled it. */
export interface Transform {
  readonly environment: { readonly architecture: Architecture };
  readonly result: Architecture;
  /** Natural logarithm, summed over the edges. */
  readonly logProb: number;
  /** Every edge that could have been replaced, kept ones included. */
  readonly edges: readonly Omit<DecidedEdge, 'saved'>[];
  readonly certificate: CertifiedCost & { readonly edges: readonly Pick<DecidedEdge, 'cell' | 'edge' | 'saved'>[] };
}

export function transformedSourceToWire(architecture: Architecture, cost: Cost, view: ResponseView): wire.TransformedSource {
  return { displayName: architecture.name ?? '', ...textsOf(architecture, view), cost: costToWire(cost) };
}

export function transformToWire(transform: Transform, view: ResponseView): wire.TransformResult {
  const { certificate, result, logProb } = transform;
  return {
    ...textsOf(result, view),
    cost: costToWire(certificate.result),
    logProb,
    edges: view === 'full' ? edgesOf(transform).map((edge) => edgeEditToWire(transform.environment.architecture, edge)) : [],
    certificate: certificateToWire(certificate),
  };
}

const NOTHING_SAVED = { params: 0, macs: 0 };

function edgesOf({ edges, certificate }: Transform): readonly DecidedEdge[] {
  const saved = new Map(certificate.edges.map((edge) => [`${edge.cell}:${edge.edge}`, edge.saved]));
  return edges.map((edge) => ({ ...edge, saved: saved.get(`${edge.cell}:${edge.edge}`) ?? NOTHING_SAVED }));
}

function textsOf(architecture: Architecture, view: ResponseView): Pick<wire.TransformResult, 'spec' | 'identity' | 'genotype' | 'nasbench201'> {
  return {
    spec: view === 'full' ? architectureToSpec(architecture) : undefined,
    identity: view === 'full' ? architectureIdentity(architecture) : '',
    genotype: genotypeOf(architecture),
    nasbench201: architecture.skeleton.kind === 'nasbench201' ? writeNasBench201(architecture) : '',
  };
}

/** Official text, or empty where the architecture is no genotype. */
function genotypeOf(architecture: Architecture): string {
  if (architecture.skeleton.kind !== 'repeated') return '';
  try {
    return writeGenotype(architecture);
  } catch (error) {
    if (isDomainError(error) && error.reason === 'NOT_A_GENOTYPE') return '';
    throw error;
  }
}
