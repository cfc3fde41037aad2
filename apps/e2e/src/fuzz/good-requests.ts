/** A good request of some methods, as protobuf JSON: what is drawn from it gets far. */
const parent = 'namespaces/default';
const zoo = { zoo: 'DARTS' };
const cell = { nasbench201: '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|' };
const search = { sources: { space: 'SPACE_RESBLOCK' }, reward: { fromScratch: { dataset: 'mnist', steps: 1 } }, learner: { steps: 1, batch: 2 }, seed: '1' };

export const GOOD_REQUESTS: Readonly<Record<string, object>> = {
  'TransformService.TransformArchitecture': { parent, source: zoo, options: { samples: 2, bounds: { maxParams: '3000000' }, seed: 3 } },
  'TransformService.BatchTransformArchitectures': { parent, sources: [zoo, { zoo: 'ENAS' }], options: { greedy: true } },
  'TransformService.StreamTransformArchitectures': { parent, sources: [cell], options: { greedy: true } },
  'ArchitectureService.CreateArchitecture': { parent, source: { ...zoo, displayName: 'mine' }, architectureId: 'mine' },
  'ArchitectureService.GetArchitecture': { name: `${parent}/architectures/DARTS` },
  'ArchitectureService.ListArchitectures': { parent, pageSize: 3, filter: 'labels.origin="zoo"' },
  'ArchitectureService.ComputeCost': { parent, source: zoo, placement: { channels: 16, layers: 8, imageSize: { height: 32, width: 64 } } },
  'ArchitectureService.ValidateArchitecture': { parent, source: zoo },
  'ArchitectureService.DeleteArchitecture': { name: `${parent}/architectures/mine` },
  'ArchitectureService.DiffArchitectures': { parent, before: zoo, after: { zoo: 'NAT_DARTS' } },
  'ArchitectureService.ExportArchitecture': { parent, source: zoo, format: 'FORMAT_DOT' },
  'SearchService.CreateSearch': { parent, spec: search, validateOnly: true },
  'SearchService.ListSearches': { parent, pageSize: 3 },
  'EvaluationService.SubmitEvaluations': {
    parent,
    evaluations: [
      {
        evaluationId: 'one',
        spec: { tabular: { table: 'BENCHMARK_TABLE_NASBENCH201', column: 'c10_valid_200', candidates: [{ id: 'c', architecture: cell }] } },
      },
    ],
  },
  'EvaluationService.ListEvaluations': { parent, pageSize: 3 },
  'WorkerService.RegisterWorker': { workerId: 'fuzz', kinds: ['EVALUATION_KIND_TABULAR'], capabilities: ['x'] },
  'WorkerService.LeaseEvaluations': { workerId: 'fuzz', maxCount: 4, wait: '0s' },
  'WorkerService.CompleteEvaluation': {
    lease: { evaluation: `${parent}/evaluations/one`, token: '1' },
    outcome: { succeeded: { results: [{ candidateId: 'c', value: 0.5 }] } },
  },
  'MetricsService.RecordMetrics': { points: [{ run: `${parent}/searches/fuzz`, metric: 'loss', step: '1', value: 0.5 }] },
  'MetricsService.QueryMetrics': { run: `${parent}/searches/fuzz`, metrics: ['loss'], pageSize: 3 },
  'MetricsService.DeleteSeries': { run: `${parent}/searches/fuzz`, metrics: ['loss'] },
  'PolicyService.ListPolicies': { parent, pageSize: 3 },
  'PolicyService.DeletePolicy': { name: `${parent}/policies/fuzz` },
  'PolicyService.DeletePolicyVersion': { name: `${parent}/policies/fuzz/versions/1`, etag: '"a"' },
};
