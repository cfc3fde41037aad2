import { architecture, evaluation, longrunning, metrics, policy, search, transform } from '@nat/contracts';
import type { TsProtoServiceDefinition } from 'nice-grpc';

/** The services behind the gateway. */
export type Backend = 'registry' | 'policy' | 'evaluator' | 'metrics';

/** Which of them serves which contracts. */
export const ROUTES: Readonly<Record<Backend, readonly TsProtoServiceDefinition[]>> = {
  registry: [architecture.ArchitectureServiceDefinition],
  policy: [transform.TransformServiceDefinition, search.SearchServiceDefinition, policy.PolicyServiceDefinition, longrunning.OperationsDefinition],
  evaluator: [evaluation.EvaluationServiceDefinition, evaluation.WorkerServiceDefinition],
  metrics: [metrics.MetricsServiceDefinition],
};
