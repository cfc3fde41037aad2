import { continueCall, type BoundService, type CallSettings, type ClientChannel, type ServiceCallContext } from '@nat/service';
import { Metadata, type CallOptions, type TsProtoServiceDefinition } from 'nice-grpc';

type Options = CallOptions & CallSettings;

/** Methods of a client whose definition is known only at run time. */
type Calls = Readonly<Record<string, (request: unknown, options: Options) => unknown>>;

/** Serves a contract by asking a replica behind `channel`, as the caller. */
export function forwardService(definition: TsProtoServiceDefinition, channel: ClientChannel): BoundService {
  const calls = channel.client(definition) as unknown as Calls;
  const handlers = Object.entries(definition.methods).map(([name, method]) => {
    const call = (request: unknown, context: ServiceCallContext): unknown => calls[name]!(request, forwarded(context));
    const handler = method.responseStream
      ? async function* stream(request: unknown, context: ServiceCallContext) {
          yield* call(request, context) as AsyncIterable<unknown>;
        }
      : call;
    return [name, handler] as const;
  });
  return { name: definition.fullName, definition, implementation: Object.fromEntries(handlers) };
}

/** The caller's token, request id, trace and cancellation. Its deadline is in the cancellation: no other one is added here. */
function forwarded(context: ServiceCallContext): Options {
  const options = continueCall(context);
  const authorization = context.metadata.get('authorization');
  const metadata = Metadata(options.metadata);
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return { ...options, metadata, deadlineMs: Infinity };
}
