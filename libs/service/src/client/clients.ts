import { architecture, evaluation, health, longrunning, metrics, policy, search, transform } from '@nat/contracts';
import type { Client } from 'nice-grpc';
import type { CallSettings, ClientChannel } from './client.ts';

/** A client of every service of the platform, on one channel. */
export interface PlatformClients {
  readonly architectures: Client<typeof architecture.ArchitectureServiceDefinition, CallSettings>;
  readonly transforms: Client<typeof transform.TransformServiceDefinition, CallSettings>;
  readonly searches: Client<typeof search.SearchServiceDefinition, CallSettings>;
  readonly policies: Client<typeof policy.PolicyServiceDefinition, CallSettings>;
  readonly evaluations: Client<typeof evaluation.EvaluationServiceDefinition, CallSettings>;
  readonly workers: Client<typeof evaluation.WorkerServiceDefinition, CallSettings>;
  readonly metrics: Client<typeof metrics.MetricsServiceDefinition, CallSettings>;
  readonly operations: Client<typeof longrunning.OperationsDefinition, CallSettings>;
  readonly health: Client<typeof health.HealthDefinition, CallSettings>;
}

/** For an address that serves all of them, as the embedded platform does; a service that is not there answers UNIMPLEMENTED. */
export function openClients(channel: ClientChannel, defaults: CallSettings = {}): PlatformClients {
  return {
    architectures: channel.client(architecture.ArchitectureServiceDefinition, defaults),
    transforms: channel.client(transform.TransformServiceDefinition, defaults),
    searches: channel.client(search.SearchServiceDefinition, defaults),
    policies: channel.client(policy.PolicyServiceDefinition, defaults),
    evaluations: channel.client(evaluation.EvaluationServiceDefinition, defaults),
    workers: channel.client(evaluation.WorkerServiceDefinition, defaults),
    metrics: channel.client(metrics.MetricsServiceDefinition, defaults),
    operations: channel.client(longrunning.OperationsDefinition, defaults),
    health: channel.client(health.HealthDefinition, defaults),
  };
}
