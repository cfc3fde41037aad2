import { architectureIdentity, writeGenotype, type Architecture, type Cost } from '@nat/architecture';
import type { architecture as architectureWire, transform as wire } from '@nat/contracts';
import { isDomainError } from '@nat/errors';
import type { Draw } from '@nat/policy';
import { architectureToSpec, costToWire } from '@nat/wire';
import { certificateViolations, type Transformed } from './transform.ts';

export function transformedToWire({ source, draws }: Transformed, policyVersion: string): wire.TransformArchitectureResponse {
  return { source: sourceToWire(source.architecture, source.cost), results: draws.map(drawToWire), policyVersion };
}

function sourceToWire(architecture: Architecture, cost: Cost): wire.TransformedSource {
  return {
    displayName: architecture.name ?? '',
    spec: architectureToSpec(architecture),
    genotype: genotypeOf(architecture),
    identity: architectureIdentity(architecture),
    cost: costToWire(cost),
  };
}

function drawToWire(draw: Draw): wire.TransformResult {
  const { certificate, result } = draw;
  const saved = new Map(certificate.edges.map((edge) => [`${edge.cell}:${edge.edge}`, edge.saved]));
  const { cells } = draw.subject.architecture;
  return {
    spec: architectureToSpec(result),
    genotype: genotypeOf(result),
    identity: architectureIdentity(result),
    cost: costToWire(certificate.result),
    logProb: draw.logProb,
    edges: draw.edges.map(({ cell, edge, before, after, probability }): architectureWire.EdgeEdit => {
      const { params, macs } = saved.get(`${cell}:${edge}`) ?? { params: 0, macs: 0 };
      const { from, to } = cells[cell]!.edges[edge]!;
      return { cellIndex: cell, edgeIndex: edge, cell: cells[cell]!.name, from, to, before, after, probability, savedParams: params, savedMacs: macs };
    }),
    certificate: {
      holds: certificate.holds,
      source: costToWire(certificate.source),
      result: costToWire(certificate.result),
      budget: certificate.budget === undefined ? undefined : { maxParams: certificate.budget.maxParams, maxMacs: certificate.budget.maxMacs },
      violations: [...certificateViolations(certificate)],
    },
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
