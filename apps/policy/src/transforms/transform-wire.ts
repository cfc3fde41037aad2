import { architectureIdentity, writeGenotype, writeNasBench201, type Architecture, type Cost } from '@nat/cells';
import type { architecture as architectureWire, transform as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import type { SampledTransform } from '@nat/nat';
import { architectureToSpec, boundsToWire, costToWire } from '@nat/convert';
import { certificateViolations, type Transformed } from './transform.ts';

/** `full` adds specs, identities and edges, which cost more than the transform itself. */
export type ResponseView = 'full' | 'basic';

export function transformedToWire({ source, draws }: Transformed, policyVersion: string, view: ResponseView): wire.TransformArchitectureResponse {
  return {
    source: sourceToWire(source.architecture, source.cost, view),
    results: draws.map((draw) => drawToWire(draw, view)),
    policyVersion,
  };
}

function sourceToWire(architecture: Architecture, cost: Cost, view: ResponseView): wire.TransformedSource {
  return {
    displayName: architecture.name ?? '',
    spec: view === 'full' ? architectureToSpec(architecture) : undefined,
    genotype: genotypeOf(architecture),
    nasbench201: cellStringOf(architecture),
    identity: view === 'full' ? architectureIdentity(architecture) : '',
    cost: costToWire(cost),
  };
}

function drawToWire(draw: SampledTransform, view: ResponseView): wire.TransformResult {
  const { certificate, result } = draw;
  return {
    spec: view === 'full' ? architectureToSpec(result) : undefined,
    genotype: genotypeOf(result),
    nasbench201: cellStringOf(result),
    identity: view === 'full' ? architectureIdentity(result) : '',
    cost: costToWire(certificate.result),
    logProb: draw.logProb,
    edges: view === 'full' ? edgesToWire(draw) : [],
    certificate: {
      holds: certificate.holds,
      source: costToWire(certificate.source),
      result: costToWire(certificate.result),
      bounds: certificate.budget === undefined ? undefined : boundsToWire(certificate.budget),
      violations: [...certificateViolations(certificate)],
    },
  };
}

/** Every decided edge, kept or replaced. */
function edgesToWire({ certificate, edges, environment }: SampledTransform): architectureWire.EdgeEdit[] {
  const saved = new Map(certificate.edges.map((edge) => [`${edge.cell}:${edge.edge}`, edge.saved]));
  const { cells } = environment.architecture;
  return edges.map(({ cell, edge, before, after, probability }) => {
    const { params, macs } = saved.get(`${cell}:${edge}`) ?? { params: 0, macs: 0 };
    const { from, to } = cells[cell]!.edges[edge]!;
    return { cellIndex: cell, edgeIndex: edge, cell: cells[cell]!.name, from, to, before, after, probability, savedParams: params, savedMacs: macs };
  });
}

function cellStringOf(architecture: Architecture): string {
  return architecture.skeleton.kind === 'nasbench201' ? writeNasBench201(architecture) : '';
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
