import { evaluation as wire } from '@nat/contracts';

/** The kinds of evaluations, as settings, measures and tables name them. */
export const EVALUATION_KINDS = ['tabular', 'shared-weights', 'from-scratch', 'train-shard', 'average'] as const;
export type EvaluationKindName = (typeof EVALUATION_KINDS)[number];

const WIRE_KINDS = {
  tabular: 'EVALUATION_KIND_TABULAR',
  'shared-weights': 'EVALUATION_KIND_SHARED_WEIGHTS',
  'from-scratch': 'EVALUATION_KIND_FROM_SCRATCH',
  'train-shard': 'EVALUATION_KIND_TRAIN_SHARD',
  average: 'EVALUATION_KIND_AVERAGE',
} as const satisfies Record<EvaluationKindName, wire.EvaluationKind>;

export function evaluationKindToWire(kind: EvaluationKindName): wire.EvaluationKind {
  return WIRE_KINDS[kind];
}

/** The inverse of `evaluationKindToWire`; undefined for a kind that this build does not know. */
export function evaluationKindFromWire(kind: wire.EvaluationKind): EvaluationKindName | undefined {
  return EVALUATION_KINDS.find((name) => WIRE_KINDS[name] === kind);
}

type Kind = NonNullable<wire.EvaluationSpec['kind']>;

const NAMES = {
  tabular: 'tabular',
  sharedWeights: 'shared-weights',
  fromScratch: 'from-scratch',
  trainShard: 'train-shard',
  average: 'average',
} as const satisfies Record<Kind['$case'], EvaluationKindName>;

/** The kind of a specification; undefined for one that this build does not know. */
export function evaluationKindOf({ kind }: wire.EvaluationSpec): EvaluationKindName | undefined {
  return kind && NAMES[kind.$case];
}

/** The field of EvaluationSpec that holds a kind. */
export function evaluationKindField(kind: EvaluationKindName): string {
  return kind.replaceAll('-', '_');
}

/** The candidates of a specification; none where it trains shared weights. */
export function candidatesOf({ kind }: wire.EvaluationSpec): readonly wire.Candidate[] {
  return kind !== undefined && 'candidates' in kind.value ? kind.value.candidates : [];
}

/** The name of a benchmark table, as capabilities have it (`table:nasbench201`); undefined for one that this build does not know. */
export function tableName(table: wire.BenchmarkTable): 'nasbench201' | undefined {
  return table === wire.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201 ? 'nasbench201' : undefined;
}
