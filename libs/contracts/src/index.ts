/** TypeScript of the contracts in proto/, one namespace per area. Everything under gen/ is generated. */
export * as architecture from './architecture.ts';
export * as evaluation from './evaluation.ts';
export * as health from './gen/grpc/health/v1/health.ts';
export * as longrunning from './gen/google/longrunning/operations.ts';
export * as metrics from './metrics.ts';
export * as policy from './policy.ts';
export * as reflection from './gen/grpc/reflection/v1/reflection.ts';
export * as reflectionV1Alpha from './gen/grpc/reflection/v1alpha/reflection.ts';
export * as rpc from './rpc.ts';
export * as search from './search.ts';
export * as transform from './transform.ts';
export * as wkt from './wkt.ts';
export { readDescriptorImage } from './image.ts';
