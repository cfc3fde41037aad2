import { setImmediate as nextTurn } from 'node:timers/promises';
import { transform as wire, type architecture as architectureWire } from '@nat/contracts';
import { DomainError, toDomainError } from '@nat/base/errors';
import { domainErrorToStatus, namespaceNames, type ServiceContext } from '@nat/service';
import {
  boundsFromWire,
  maskingFromWire,
  placementFromWire,
  resolveArchitecture,
  schemeFromWire,
  sharesFromWire,
  transformedSourceToWire,
  transformToWire,
  viewFromWire,
  type ArchitectureLookup,
  type ResponseView,
} from '@nat/convert';
import type { PolicyLibrary, ReadyPolicy } from '../policies/policy-library.ts';
import { transformArchitecture, type TransformRequest } from './transform.ts';

export interface TransformHandlersOptions {
  readonly library: PolicyLibrary;
  /** Reads architectures by resource name; absent: such sources are refused. */
  readonly lookup?: ArchitectureLookup;
}

/** What is the same for every architecture of a call. */
interface Prepared {
  readonly ready: ReadyPolicy;
  readonly request: TransformRequest;
  readonly view: ResponseView;
}

/** Work is cut into slices of this length, so that other calls and heartbeats get their turn, milliseconds. */
const SLICE_MS = 10;
const DEFAULT_OPTIONS = wire.TransformOptions.fromPartial({});

/** TransformService: nothing is stored, so every call may be repeated. */
export function createTransformHandlers({ library, lookup }: TransformHandlersOptions): wire.TransformServiceImplementation<ServiceContext> {
  const prepare = async (parent: string, given: wire.TransformOptions | undefined): Promise<Prepared> => {
    const { namespace } = namespaceNames.parse(parent, 'parent');
    const options = given ?? DEFAULT_OPTIONS;
    const scheme = schemeFromWire(options.scheme);
    const ready = await library.resolve(namespace, options.policy, scheme);
    return { ready, request: readOptions(options, scheme), view: viewFromWire(options.view) };
  };

  const transformOne = async (
    source: architectureWire.ArchitectureRef | undefined,
    path: string,
    { ready, request, view }: Prepared,
  ): Promise<wire.TransformArchitectureResponse> => {
    const architecture = await resolveArchitecture(source, path, lookup);
    const { source: transformed, draws, optimal, policySpace, learnedHere } = transformArchitecture(ready, architecture, request);
    return {
      source: transformedSourceToWire(transformed.architecture, transformed.cost, view),
      results: draws.map((draw) => ({ ...transformToWire(draw, view), optimal })),
      policyVersion: ready.versionName,
      policySpace,
      learnedHere,
    };
  };

  const transformMany = async (
    sources: readonly architectureWire.ArchitectureRef[],
    prepared: Prepared,
    signal: AbortSignal,
  ): Promise<wire.TransformOutcome[]> => {
    const outcomes: wire.TransformOutcome[] = [];
    let sliceEnd = performance.now() + SLICE_MS;
    for (const [index, source] of sources.entries()) {
      if (performance.now() > sliceEnd) {
        await nextTurn();
        signal.throwIfAborted();
        sliceEnd = performance.now() + SLICE_MS;
      }
      try {
        outcomes.push({ outcome: { $case: 'response', value: await transformOne(source, `sources[${index}]`, prepared) } });
      } catch (error) {
        outcomes.push({ outcome: { $case: 'error', value: domainErrorToStatus(toDomainError(error)) } });
      }
    }
    return outcomes;
  };

  return {
    transformArchitecture: async ({ parent, source, options }) => {
      return transformOne(source, 'source', await prepare(parent, options));
    },

    batchTransformArchitectures: async ({ parent, sources, options }, { signal }) => {
      const prepared = await prepare(parent, options);
      return { outcomes: await transformMany(sources, prepared, signal), policyVersion: prepared.ready.versionName };
    },

    streamTransformArchitectures: async function* (messages, { signal }) {
      let prepared: Prepared | undefined;
      for await (const { parent, options, sources } of messages) {
        prepared ??= await prepare(parent, options);
        yield { outcomes: await transformMany(sources, prepared, signal) };
      }
    },
  };
}

function readOptions(options: wire.TransformOptions, scheme: 'nat' | 'nat++' | undefined): TransformRequest {
  const { samples = 1, seed = 0 } = options;
  if (options.greedy && samples > 1) throw DomainError.invalid('options.samples', 'greedy gives one result', 'GREEDY_HAS_ONE_RESULT');
  return {
    scheme,
    mode: maskingFromWire(options.masking),
    placement: placementFromWire(options.placement),
    budget: boundsFromWire(options.bounds, 'options.bounds'),
    relativeBudget: sharesFromWire(options.bounds),
    samples,
    greedy: options.greedy,
    seed,
  };
}
