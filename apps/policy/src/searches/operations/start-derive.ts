import { longrunning, search as wire } from '@nat/contracts';
import { DATASET_CHOICES, isDatasetName } from '@nat/datasets';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { namespaceNames, requestOnce } from '@nat/service';
import type { Database } from '@nat/storage';
import { architectureToSpec, boundsFromWire, resolveArchitecture, type ArchitectureLookup } from '@nat/convert';
import { requestStore } from '../../policies/policy-handlers.ts';
import type { PolicyLibrary } from '../../policies/policy-library.ts';
import type { Tx } from '../store/search-store.ts';
import type { SearchTables } from '../store/tables.ts';
import { OPERATION_CHANNEL, operationToWire } from './operation-store.ts';
import { findSearched } from './searched-weights.ts';

export interface StartDeriveOptions {
  readonly database: Database<SearchTables>;
  readonly library: PolicyLibrary;
  readonly lookup: ArchitectureLookup;
  /** Keeps a version from being deleted until the transaction ends. Throws NOT_FOUND when it is gone. */
  readonly holdPolicy: (tx: Tx, versionName: string) => Promise<void>;
  /** Throws when the table lacks the column, or is not there. */
  readonly requireColumn: (column: string) => void;
  readonly newId: () => string;
}

/** Accepts a request to derive an architecture; whoever owns the operation does the work, in the trace of the call that asked. */
export type StartDerive = (request: wire.DeriveArchitectureRequest, traceparent: string) => Promise<longrunning.Operation>;

const DEFAULT_SAMPLES = 10;
const DEFAULT_REWARD = 'c10_valid_200';
const DEFAULT_DATASET = 'mnist';

export function createStartDerive({ database, library, lookup, holdPolicy, requireColumn, newId }: StartDeriveOptions): StartDerive {
  return async (request, traceparent) => {
    const { parent, requestId } = request;
    const { namespace } = namespaceNames.parse(parent, 'parent');
    const architecture = await resolveArchitecture(request.source, 'source', lookup);
    boundsFromWire(request.bounds, 'bounds');
    const violations: FieldViolation[] = [];
    const tabular = request.evaluator === 'tabular';
    const shared = request.evaluator === 'shared-weights';
    if (shared && request.search === '') violations.push({ field: 'search', description: 'is required with shared-weights' });
    if (!shared && request.search !== '') violations.push({ field: 'search', description: 'goes only with shared-weights' });
    if (tabular && architecture.skeleton.kind !== 'nasbench201') violations.push({ field: 'evaluator', description: 'tabular needs a cell of NAS-Bench-201' });
    if (!tabular && request.dataset !== '' && !isDatasetName(request.dataset))
      violations.push({ field: 'dataset', description: `is none of ${DATASET_CHOICES}` });
    if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_DERIVE');
    const reward = request.reward === '' ? DEFAULT_REWARD : request.reward;
    if (tabular) requireColumn(reward);
    const searched = shared ? await findSearched(database.kysely, request.search) : undefined;
    const { versionName } = await library.resolve(namespace, request.policy === '' && searched !== undefined ? searched.policy : request.policy, undefined);
    // Names may mean something else later: the operation keeps what they mean now.
    const resolved = wire.DeriveArchitectureRequest.create({
      ...request,
      source: { ref: { $case: 'spec', value: architectureToSpec(architecture) }, displayName: architecture.name ?? '' },
      policy: versionName,
      samples: request.samples === 0 ? DEFAULT_SAMPLES : request.samples,
      reward: tabular ? reward : '',
      dataset: tabular ? '' : (searched?.spec.dataset ?? (request.dataset === '' ? DEFAULT_DATASET : request.dataset)),
      childEpochs: tabular || shared ? 0 : Math.max(1, request.childEpochs),
    });
    const operation = await database.transaction((tx) =>
      requestOnce(
        {
          requestId,
          scope: `DeriveArchitecture:${parent}`,
          request,
          requestType: wire.DeriveArchitectureRequest,
          responseType: longrunning.Operation,
          store: requestStore(tx),
        },
        async () => {
          await holdPolicy(tx, versionName);
          const row = await tx
            .insertInto('policy.operation')
            .values({
              namespace,
              operation_id: newId(),
              request: wire.DeriveArchitectureRequest.encode(resolved).finish(),
              policy_version: versionName,
              error: null,
              response: null,
              owner: null,
              lease_expires_at: null,
              traceparent,
            })
            .returningAll()
            .executeTakeFirstOrThrow();
          return operationToWire(tx, row);
        },
      ),
    );
    database.signal(OPERATION_CHANNEL);
    return operation;
  };
}
