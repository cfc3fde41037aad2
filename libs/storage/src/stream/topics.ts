import type { TopicDeclaration } from './stream.ts';

/** Terminal outcomes of evaluations: key = the search, id = the evaluation. The evaluator publishes them, the searches count them. */
export const OUTCOME_TOPIC: TopicDeclaration & { readonly groups: readonly ['searches'] } = {
  name: 'evaluation-outcomes',
  partitions: 12,
  groups: ['searches'],
};

/** Every topic of the platform. Processes that publish and processes that subscribe open their streams with this one table. */
export const PLATFORM_TOPICS: readonly TopicDeclaration[] = [OUTCOME_TOPIC];
