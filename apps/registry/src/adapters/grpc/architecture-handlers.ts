import { architectureIdentity, edgeCosts, type Architecture } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import {
  applyReadMask,
  decodePageToken,
  domainErrorToStatus,
  encodePageToken,
  namespaceNames,
  pageSize as sizeOf,
  requestOnce,
  updatedFields,
  type ContractRegistry,
  type ServiceContext,
} from '@nat/service';
import type { Database } from '@nat/storage';
import { architectureToSpec, costToWire, edgeEditToWire, formatFromWire, formatToWire, placementFromWire, resolveArchitecture } from '@nat/convert';
import { z } from 'zod';
import type { Catalog, CreateInput } from '../../catalog.ts';
import { compareArchitectures } from '../../difference.ts';
import { architectureNames, costOf, type Entry } from '../../entry.ts';
import { requestStore, type Queryable } from '../../store.ts';
import type { RegistryTables } from '../../tables.ts';
import { readArchitectureFilter } from './architecture-filter.ts';
import { exportText, importText } from './text-formats.ts';

export interface HandlerOptions {
  readonly catalog: Catalog;
  readonly database: Database<RegistryTables>;
  readonly descriptors: ContractRegistry;
}

const position = z.object({ zooIndex: z.int().min(0), afterUid: z.int().min(0) });
const WRITABLE = ['display_name', 'labels'] as const;

function toWire(entry: Entry): wire.Architecture {
  return {
    name: entry.name,
    displayName: entry.displayName,
    spec: entry.architecture === undefined ? undefined : architectureToSpec(entry.architecture),
    identity: entry.identity,
    cost: costToWire(entry.cost),
    parentArchitecture: entry.parentArchitecture,
    labels: { ...entry.labels },
    createTime: entry.createTime,
    updateTime: entry.updateTime,
    etag: entry.etag,
  };
}

const present = (architecture: Architecture | undefined, name: string): Architecture => {
  if (architecture === undefined) throw new Error(`${name} was read without its form`);
  return architecture;
};

/** ArchitectureService over a catalogue. */
export function createArchitectureHandlers({ catalog, database, descriptors }: HandlerOptions): wire.ArchitectureServiceImplementation<ServiceContext> {
  const masked = (entry: Entry, mask: readonly string[] | undefined) => applyReadMask(descriptors, wire.Architecture.$type, toWire(entry), mask);

  /** The architecture a source means. A `parent`, where one is given, is the namespace that resource names must be in. */
  const resolve = async (source: wire.ArchitectureRef | undefined, field: string, parent = '', tx?: Queryable): Promise<Architecture> => {
    const namespace = parent === '' ? undefined : namespaceNames.parse(parent, 'parent').namespace;
    return await resolveArchitecture(source, field, async (name) => {
      if (namespace !== undefined && architectureNames.parse(name, `${field}.architecture`).namespace !== namespace) {
        throw DomainError.invalid(`${field}.architecture`, `is not in ${parent}`, 'OTHER_NAMESPACE');
      }
      const entry = await catalog.get(name, tx);
      return present(entry.architecture, name);
    });
  };

  const createInput = async (request: wire.CreateArchitectureRequest, tx?: Queryable): Promise<CreateInput> => {
    const { parent, source, architectureId, displayName, parentArchitecture, labels } = request;
    const architecture = await resolve(source, 'source', '', tx);
    const { namespace } = namespaceNames.parse(parent, 'parent');
    return { namespace, id: architectureId, architecture, displayName: displayName || (architecture.name ?? ''), parentArchitecture, labels };
  };

  return {
    createArchitecture: async (request) => {
      if (request.validateOnly) return toWire(await catalog.check(await createInput(request)));
      const { requestId, parent } = request;
      return await database.transaction(async (tx) => {
        const store = requestStore(tx);
        const types = { requestType: wire.CreateArchitectureRequest, responseType: wire.Architecture };
        return await requestOnce({ requestId, scope: `CreateArchitecture ${parent}`, request, ...types, store }, async () =>
          toWire(await catalog.create(tx, await createInput(request, tx))),
        );
      });
    },

    getArchitecture: async ({ name, readMask }) => masked(await catalog.get(name), readMask),

    listArchitectures: async ({ parent, pageSize, pageToken, filter, readMask }) => {
      const { namespace } = namespaceNames.parse(parent, 'parent');
      const scope = { list: 'architectures', parent, filter };
      const start = decodePageToken(pageToken, scope, position) ?? { zooIndex: 0, afterUid: 0 };
      const withForms = readMask === undefined || readMask.length === 0 || readMask.some((path) => path === '*' || path.split('.')[0] === 'spec');
      const { entries, next } = await catalog.list({ namespace, filter: readArchitectureFilter(filter), position: start, limit: sizeOf(pageSize), withForms });
      return {
        architectures: entries.map((entry) => masked(entry, readMask)),
        nextPageToken: next === undefined ? '' : encodePageToken(next, scope),
      };
    },

    updateArchitecture: async ({ architecture, updateMask, validateOnly }) => {
      if (architecture === undefined) throw DomainError.invalid('architecture', 'is required');
      const fields = updatedFields(descriptors, wire.Architecture.$type, updateMask, WRITABLE);
      const { name, etag, displayName, labels } = architecture;
      const changes = { ...(fields.includes('display_name') ? { displayName } : {}), ...(fields.includes('labels') ? { labels } : {}) };
      return toWire(await catalog.update({ name, etag, validateOnly, ...changes }));
    },

    deleteArchitecture: async ({ name, etag }) => {
      await catalog.remove(name, etag);
      return {};
    },

    getLineage: async ({ name }) => ({ ancestors: (await catalog.lineage(name)).map(toWire) }),

    diffArchitectures: async ({ before, after, placement, parent }) => {
      const [first, second] = [await resolve(before, 'before', parent), await resolve(after, 'after', parent)];
      const options = placementFromWire(placement);
      const { sameStructure, sameIdentity, edges, structural } = compareArchitectures(first, second, options);
      return {
        sameStructure,
        sameIdentity,
        edits: edges.map((edge) => edgeEditToWire(first, edge)),
        beforeCost: costToWire(costOf(first, 'before', options)),
        afterCost: costToWire(costOf(second, 'after', options)),
        structuralDifferences: [...structural],
      };
    },

    validateArchitecture: async ({ source, parent }) => {
      try {
        const architecture = await resolve(source, 'source', parent);
        return { result: { $case: 'identity', value: architectureIdentity(architecture) } };
      } catch (error) {
        if (!isDomainError(error) || (error.kind !== 'INVALID_ARGUMENT' && error.kind !== 'NOT_FOUND')) throw error;
        return { result: { $case: 'error', value: domainErrorToStatus(error) } };
      }
    },

    computeCost: async ({ source, placement, parent }) => {
      const architecture = await resolve(source, 'source', parent);
      const options = placementFromWire(placement);
      const cost = costOf(architecture, 'source', options);
      const edges = edgeCosts(architecture, options).flatMap((cell, cellIndex) => cell.map((edge, edgeIndex) => ({ cellIndex, edgeIndex, ...edge })));
      return { cost: costToWire(cost), edges };
    },

    // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
    importArchitecture: async ({ format, content }) => {
      const imported = importText(formatFromWire(format), content);
      return { spec: architectureToSpec(imported.architecture), identity: architectureIdentity(imported.architecture), format: formatToWire(imported.format) };
    },

    exportArchitecture: async ({ source, format, parent }) => {
      const name = formatFromWire(format);
      if (name === undefined) throw DomainError.invalid('format', 'is required');
      return exportText(name, await resolve(source, 'source', parent));
    },
  };
}
