import { longrunning, search as wire } from '@nat/contracts';
import { DATASET_CHOICES, isDatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { DEFAULT_COLUMN, DEFAULT_DATASET } from '@nat/nat';
import { namespaceNames, requestOnce } from '@nat/service';
import type { Database } from '@nat/storage';
import { architectureToSpec, boundsFromWire, resolveArchitecture, type ArchitectureLookup } from '@nat/convert';
import { requestStore } from '../../policies/policy-handlers.ts';
import type { PolicyLibrary } from '../../policies/policy-library.ts';
import type { SearchTables, Tx } from '../store/tables.ts';
import { DEFAULT_SAMPLES } from './derive.ts';
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

export function createStartDerive({ database, library, lookup, holdPolicy, requireColumn, newId }: StartDeriveOptions): StartDerive {
  return async (request, traceparent) => {
    const { parent, requestId } = request;
    const { namespace } = namespaceNames.parse(parent, 'parent');
    const architecture = await resolveArchitecture(request.source, 'source', lookup);
    boundsFromWire(request.bounds, 'bounds');
    const evaluator = request.evaluator!;
    if (evaluator.$case === 'tabular') {
      if (architecture.skeleton.kind !== 'nasbench201') throw DomainError.invalid('tabular', 'needs a cell of NAS-Bench-201', 'INVALID_DERIVE');
      requireColumn(evaluator.value.column ?? DEFAULT_COLUMN);
    }
    if (evaluator.$case === 'fromScratch' && !isDatasetName(evaluator.value.dataset ?? DEFAULT_DATASET))
      throw DomainError.invalid('from_scratch.dataset', `is none of ${DATASET_CHOICES}`, 'INVALID_DERIVE');
    const searched = evaluator.$case === 'sharedWeights' ? await findSearched(database.kysely, evaluator.value.search) : undefined;
    const { versionName } = await library.resolve(namespace, request.policy === '' && searched !== undefined ? searched.policy : request.policy, undefined);
    // Names may mean something else later: the operation keeps what they mean now.
    const resolved = wire.DeriveArchitectureRequest.create({
      ...request,
      source: { ref: { $case: 'spec', value: architectureToSpec(architecture) }, displayName: architecture.name ?? '' },
      policy: versionName,
      samples: request.samples ?? DEFAULT_SAMPLES,
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
              draws: 'allowed-results',
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
