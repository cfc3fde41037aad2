import type { architecture as wire } from '@nat/contracts';
import { evaluableRef } from '@nat/convert';
import type { Session } from '@nat/platform/session';

/** An architecture as evaluations name it: a stored one, which workers cannot read, is looked up in the registry. */
export async function resolveForEvaluation(session: Session, given: wire.ArchitectureRef): Promise<wire.ArchitectureRef> {
  if (given.ref?.$case !== 'architecture') return evaluableRef(given, 'source');
  const { spec } = await session.clients.architectures.getArchitecture({ name: given.ref.value });
  return { ref: { $case: 'spec', value: spec! } };
}
