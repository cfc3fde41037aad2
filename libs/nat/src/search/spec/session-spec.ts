/** What the learner of a search needs of its spec. */
import { findZooEntry } from '@nat/cells';
import { EDGE_POLICY, officialGcnPolicy, type PolicyConfig } from '../../policy/policy-config.ts';
import { DomainError } from '@nat/base/errors';
import { searchHyperparameters } from '../hyperparameters.ts';
import type { SessionSpec } from '../session.ts';
import { officialOperations, supernetKind } from './official-operations.ts';
import type { EffectiveSearchSpec } from './search-spec.ts';

/** @throws DomainError INVALID_ARGUMENT for a GCN on sources that it cannot read */
export function sessionSpecOf(spec: EffectiveSearchSpec): SessionSpec {
  const { sources, actions, learner, pipelining, preset, seed, threads } = spec;
  const { steps, batch, baseline, learningRate, entropyWeight, adam, advantageShape } = learner;
  const { scheme, masking, placement } = actions;
  const looseEnds = placement.network === 'supernet' && supernetKind(sources, scheme).wiring === 'LOOSE_END_PRIMITIVES';
  return {
    // In capitals, unlike the spaces around them.
    space: sources.kind === 'space' ? sources.space : (findZooEntry(sources.name)?.name ?? sources.name),
    scheme,
    mode: masking,
    placement: looseEnds ? { ...placement, supernetOutput: 'loose-ends' } : placement,
    config: policyConfigOf(spec),
    seed,
    batch,
    roundsInFlight: pipelining.roundsInFlight,
    hyperparameters: searchHyperparameters({
      preset,
      steps,
      baseline: baseline.kind,
      ...(baseline.kind === 'self-critical' ? {} : { baselineDecay: baseline.decay }),
      learningRate,
      entropyWeight,
      weightDecay: adam.weightDecay,
      betas: [adam.beta1, adam.beta2],
      epsilon: adam.epsilon,
      importanceClip: pipelining.importanceClip,
      advantageShape,
    }),
    threads,
  };
}

function policyConfigOf({ policy: { encoder }, sources, actions: { scheme } }: EffectiveSearchSpec): PolicyConfig {
  if (encoder.kind === 'edge-gnn') return { ...EDGE_POLICY, hidden: encoder.hidden, layers: encoder.layers };
  const official = officialOperations(sources, scheme);
  if (official === undefined) throw DomainError.invalid('policy.encoder', 'the GCN reads published cells only: use the edge GNN');
  const { embedding, features, hidden } = encoder;
  return { ...officialGcnPolicy(scheme, official.primitives), embedding, features, hidden };
}
