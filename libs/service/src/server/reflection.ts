/**
 * Server reflection, v1 and v1alpha (tools differ in which they ask for), from the descriptor image. The two versions
 * have the same messages.
 */
import { toBinary } from '@bufbuild/protobuf';
import type { DescFile, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { reflection, reflectionV1Alpha } from '@nat/contracts';
import { Status } from 'nice-grpc-common';
import type { ServiceCallContext } from './call-context.ts';

type Request = reflection.ServerReflectionRequest;
type Response = NonNullable<reflection.ServerReflectionResponse['messageResponse']>;

interface Index {
  readonly files: ReadonlyMap<string, DescFile>;
  readonly symbols: ReadonlyMap<string, DescFile>;
  /** Extension numbers and the file of each, by extended type. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

function addMessage(symbols: Map<string, DescFile>, message: DescMessage): void {
  symbols.set(message.typeName, message.file);
  for (const field of message.fields) symbols.set(`${message.typeName}.${field.name}`, message.file);
  for (const oneof of message.oneofs) symbols.set(`${message.typeName}.${oneof.name}`, message.file);
  for (const nested of message.nestedMessages) addMessage(symbols, nested);
  for (const nested of message.nestedEnums) symbols.set(nested.typeName, message.file);
}

function buildIndex(registry: FileRegistry): Index {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of registry.files) {
    files.set(file.proto.name, file);
    for (const message of file.messages) addMessage(symbols, message);
    for (const one of file.enums) symbols.set(one.typeName, file);
    for (const service of file.services) {
      symbols.set(service.typeName, file);
      for (const method of service.methods) symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const extension of file.extensions) {
      symbols.set(extension.typeName, file);
      const byNumber = extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      extensions.set(extension.extendee.typeName, byNumber.set(extension.number, file));
    }
  }
  return { files, symbols, extensions };
}

/** The file and what it imports, imports first, but nothing that this stream was sent before. */
function withDependencies(file: DescFile, sent: Set<string>): Uint8Array[] {
  if (sent.has(file.proto.name)) return [];
  sent.add(file.proto.name);
  return [...file.dependencies.flatMap((dependency) => withDependencies(dependency, sent)), toBinary(FileDescriptorProtoSchema, file.proto)];
}

function answer(index: Index, services: readonly string[], request: Request, sent: Set<string>): Response {
  const notFound = (what: string): Response => ({ $case: 'errorResponse', value: { errorCode: Status.NOT_FOUND, errorMessage: `${what} not found` } });
  const fileResponse = (file: DescFile | undefined, what: string): Response => {
    if (file === undefined) return notFound(what);
    // What was asked for is always sent, even again: a client may have lost it.
    sent.delete(file.proto.name);
    return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: withDependencies(file, sent) } };
  };
  const asked = request.messageRequest;
  switch (asked?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return fileResponse(index.files.get(asked.value), asked.value);
    case 'fileContainingSymbol':
      return fileResponse(index.symbols.get(asked.value), asked.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = asked.value;
      return fileResponse(index.extensions.get(containingType)?.get(extensionNumber), `extension ${String(extensionNumber)} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const numbers = index.extensions.get(asked.value);
      if (numbers === undefined && !index.symbols.has(asked.value)) return notFound(asked.value);
      return { $case: 'allExtensionNumbersResponse', value: { baseTypeName: asked.value, extensionNumber: [...(numbers?.keys() ?? [])] } };
    }
    case undefined:
      return { $case: 'errorResponse', value: { errorCode: Status.INVALID_ARGUMENT, errorMessage: 'the request asks for nothing' } };
  }
}

export const REFLECTION_DEFINITIONS = [reflection.ServerReflectionDefinition, reflectionV1Alpha.ServerReflectionDefinition] as const;

/** The one implementation of both versions; it lists `services`. */
export function createReflection(registry: FileRegistry, services: readonly string[]): reflection.ServerReflectionServiceImplementation<ServiceCallContext> {
  const index = buildIndex(registry);
  return {
    async *serverReflectionInfo(requests) {
      const sent = new Set<string>();
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(index, services, request, sent) };
      }
    },
  };
}
