/**
 * An evaluation service of our own for tests: real gRPC, values from a formula instead of a table, outcomes through the real outbox. It keeps its
 * evaluations in memory, so a process that dies takes them along, and can be told to fail, stay silent, or stop before it answers.
 */
import { createHash } from 'node:crypto';
import { evaluation as wire } from '@nat/contracts';
import { candidatesOf } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import { domainErrorToStatus, type ServiceContext } from '@nat/service';
import { appendOutbox, OUTCOME_TOPIC, type AnyDatabase, type BlobStore } from '@nat/storage';

export interface FakeEvaluatorOptions {
  readonly database: AnyDatabase;
  /** Where weights are stored. */
  readonly blobs: BlobStore;
  /** Called before an evaluation is accepted, and after it was, before its outcome is published. */
  readonly onSubmit?: (id: string) => void;
  readonly onAccepted?: (id: string) => void;
  /** What becomes of an evaluation; absent: values by formula. */
  readonly outcomeOf?: (id: string, spec: wire.EvaluationSpec) => wire.Outcome | 'silent' | undefined;
  /** What an evaluation waits for before it ends. @default nothing: it has ended when it is accepted */
  readonly heldBy?: (id: string) => Promise<unknown> | undefined;
  /** Called before an evaluation is cancelled. */
  readonly onCancel?: (id: string) => void;
  /** Whether an outcome is published, or only to be asked for. @default true */
  readonly publishes?: (id: string) => boolean;
}

export interface FakeEvaluator {
  readonly implementation: wire.EvaluationServiceImplementation<ServiceContext>;
  /** Specs by evaluation id, as accepted. */
  readonly accepted: ReadonlyMap<string, wire.EvaluationSpec>;
  readonly cancelled: readonly string[];
  /** Requests to submit that arrived, repeated ones included. */
  readonly submissions: () => number;
  /** Resolves when all that was held has ended. */
  readonly settled: () => Promise<void>;
  /** Publishes the outcome of an accepted evaluation once more. */
  readonly publishAgain: (id: string) => Promise<void>;
}

/** Accuracy of a cell by formula, percent: skips are worth most, nulls cost, and a cell of nulls is at chance. */
export function valueOf(cell: string): number {
  const count = (name: string): number => cell.split(`${name}~`).length - 1;
  if (count('none') === 6) return 10;
  return 80 + 2 * count('skip_connect') + 1.5 * count('nor_conv_3x3') - count('none') - 0.5 * count('avg_pool_3x3');
}

export function createFakeEvaluator({
  database,
  blobs,
  onSubmit = () => undefined,
  onAccepted = () => undefined,
  outcomeOf = () => undefined,
  heldBy = () => undefined,
  onCancel = () => undefined,
  publishes = () => true,
}: FakeEvaluatorOptions): FakeEvaluator {
  const accepted = new Map<string, wire.EvaluationSpec>();
  const outcomes = new Map<string, wire.Outcome>();
  const cancelled: string[] = [];
  const held: Promise<void>[] = [];
  let submissions = 0;

  const nameOf = (parent: string, id: string): string => `${parent}/evaluations/${id}`;
  const stateOf = (outcome: wire.Outcome | undefined): wire.EvaluationState => {
    switch (outcome?.result?.$case) {
      case 'succeeded':
        return wire.EvaluationState.EVALUATION_STATE_SUCCEEDED;
      case 'failed':
        return wire.EvaluationState.EVALUATION_STATE_FAILED;
      case 'cancelled':
        return wire.EvaluationState.EVALUATION_STATE_CANCELLED;
      case undefined:
        return wire.EvaluationState.EVALUATION_STATE_QUEUED;
    }
  };
  const publish = async (name: string, search: string, outcome: wire.Outcome): Promise<void> => {
    const event = wire.OutcomeEvent.create({ evaluation: name, search, state: stateOf(outcome), outcome });
    await database.transaction((tx) =>
      appendOutbox(tx, [{ topic: OUTCOME_TOPIC.name, key: search, id: name, payload: wire.OutcomeEvent.encode(event).finish() }]),
    );
  };
  const end = async (parent: string, id: string, spec: wire.EvaluationSpec): Promise<void> => {
    const outcome = outcomeOf(id, spec) ?? (await byFormula(blobs, spec));
    if (outcome === 'silent') return;
    outcomes.set(id, outcome);
    if (publishes(id)) await publish(nameOf(parent, id), spec.search, outcome);
  };
  const find = (name: string): wire.Evaluation | undefined => {
    const id = name.slice(name.lastIndexOf('/') + 1);
    const spec = accepted.get(id);
    if (spec === undefined) return undefined;
    const outcome = outcomes.get(id);
    return wire.Evaluation.create({ name, spec, state: stateOf(outcome), ...(outcome === undefined ? {} : { outcome }) });
  };
  const unimplemented = (): never => {
    throw new DomainError('UNIMPLEMENTED', 'not in this test');
  };

  return {
    accepted,
    cancelled,
    submissions: () => submissions,
    settled: async () => {
      await Promise.all(held);
    },
    publishAgain: async (id) => {
      const spec = accepted.get(id)!;
      await publish(nameOf('namespaces/default', id), spec.search, outcomes.get(id)!);
    },
    implementation: {
      submitEvaluations: async ({ parent, evaluations }) => {
        submissions += 1;
        for (const { evaluationId: id, spec } of evaluations) {
          onSubmit(id);
          const known = accepted.get(id);
          if (known !== undefined) {
            const same = Buffer.compare(wire.EvaluationSpec.encode(known).finish(), wire.EvaluationSpec.encode(spec!).finish()) === 0;
            if (!same) throw new DomainError('ALREADY_EXISTS', `${id} is there with another spec`);
            continue;
          }
          accepted.set(id, spec!);
          onAccepted(id);
          const holding = heldBy(id);
          if (holding === undefined) await end(parent, id, spec!);
          else held.push(holding.then(() => end(parent, id, spec!)));
        }
        return { names: evaluations.map(({ evaluationId }) => nameOf(parent, evaluationId)) };
      },
      batchGetEvaluations: ({ names }) => Promise.resolve({ evaluations: names.flatMap((name) => find(name) ?? []) }),
      cancelEvaluation: ({ name }) => {
        onCancel(name.slice(name.lastIndexOf('/') + 1));
        cancelled.push(name);
        return Promise.resolve(find(name) ?? wire.Evaluation.create({ name }));
      },
      cancelEvaluations: ({ search }) => {
        cancelled.push(search);
        return Promise.resolve({ cancelled: 1 });
      },
      getEvaluation: unimplemented,
      listEvaluations: unimplemented,
      listObservations: unimplemented,
      downloadWeights: unimplemented,
      uploadWeights: unimplemented,
      deleteEvaluation: unimplemented,
    },
  };
}

function textOf({ architecture }: wire.Candidate): string {
  const given = architecture?.ref;
  return given === undefined || given.$case === 'spec' ? '' : given.value;
}

async function byFormula(blobs: BlobStore, spec: wire.EvaluationSpec): Promise<wire.Outcome> {
  if (spec.kind?.$case === 'trainShard' || spec.kind?.$case === 'average') return trained(blobs, spec);
  if (spec.kind?.$case === 'sharedWeights') return scored(spec.kind.value);
  return succeeded(candidatesOf(spec), (candidate) => valueOf(textOf(candidate)));
}

function succeeded(candidates: readonly wire.Candidate[], value: (candidate: wire.Candidate) => number): wire.Outcome {
  const results = candidates.map((candidate) => ({ candidateId: candidate.id, result: { $case: 'value' as const, value: value(candidate) } }));
  return { result: { $case: 'succeeded', value: { results, metrics: {} } } };
}

/** Weights that stand for what they were asked to be: another specification gives other weights. */
async function trained(blobs: BlobStore, spec: wire.EvaluationSpec): Promise<wire.Outcome> {
  for (const start of startsOf(spec)) if (!(await blobs.has(start))) throw new DomainError('NOT_FOUND', `there is no blob ${start}`);
  const weights = await blobs.put(wire.EvaluationSpec.encode(spec).finish());
  const metrics = spec.kind?.$case === 'trainShard' ? { trainLoss: 2 - spec.kind.value.shard / 8, trainAccuracy: 0.25 } : {};
  return { result: { $case: 'succeeded', value: { results: [], weights, metrics } } };
}

/** Weights that an evaluation begins with. */
function startsOf({ kind }: wire.EvaluationSpec): readonly string[] {
  switch (kind?.$case) {
    case 'average':
      return kind.value.weights;
    case 'trainShard':
      return kind.value.weights === undefined ? [] : [kind.value.weights];
    default:
      return [];
  }
}

/** Accuracy by formula: it depends on the weights and the batches, and is higher for whatever keeps its operations. */
export function accuracyOf({ weights = '', images }: wire.SharedWeightsEvaluation, candidate: wire.Candidate): number {
  const text = textOf(candidate);
  const seed = images?.$case === 'policyImages' ? images.value.seed : 0;
  const luck = createHash('sha256').update(`${weights} ${seed} ${text}`).digest().readUInt16BE() / 65_536;
  return 0.9 - 0.02 * (text.split('null').length - 1) + 0.01 * luck;
}

function scored(work: wire.SharedWeightsEvaluation): wire.Outcome {
  return succeeded(work.candidates, (candidate) => accuracyOf(work, candidate));
}

/** An outcome that failed for good. */
/** An outcome whose candidates have all diverged. */
export function divergedOutcome(spec: wire.EvaluationSpec): wire.Outcome {
  const error = domainErrorToStatus(
    new DomainError('FAILED_PRECONDITION', 'the loss is no finite number', { reason: 'TRAINING_DIVERGED', metadata: { step: '3', chance: '0.1' } }),
  );
  const results = candidatesOf(spec).map(({ id }) => ({ candidateId: id, result: { $case: 'error' as const, value: error }, report: undefined }));
  return { result: { $case: 'succeeded', value: { results, weights: undefined, metrics: {} } } };
}

export function failedOutcome(reason: string): wire.Outcome {
  const error = domainErrorToStatus(new DomainError('FAILED_PRECONDITION', `${reason} happened`, { reason }));
  return { result: { $case: 'failed', value: { error, terminal: true } } };
}
