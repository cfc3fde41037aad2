import type { architecture as wire, evaluation } from '@nat/contracts';
import type { Session } from '@nat/platform/session';

/** An architecture as workers take it. Forms that only the registry can read (a resource name, JSON) are resolved there. */
export async function subjectFromSource(session: Session, source: wire.ArchitectureSource): Promise<evaluation.Subject> {
  switch (source.source?.$case) {
    case 'zoo':
      return { subject: { $case: 'zoo', value: source.source.value } };
    case 'genotype':
      return { subject: { $case: 'genotype', value: source.source.value } };
    case 'nasbench201':
      return { subject: { $case: 'nasbench201', value: source.source.value } };
    case 'spec':
      return { subject: { $case: 'spec', value: source.source.value } };
    case 'architecture': {
      const { spec } = await session.clients.architectures.getArchitecture({ name: source.source.value });
      return { subject: { $case: 'spec', value: spec! } };
    }
    case 'json': {
      const { spec } = await session.clients.architectures.importArchitecture({ content: source.source.value });
      return { subject: { $case: 'spec', value: spec! } };
    }
    case undefined:
      return { subject: undefined };
  }
}
