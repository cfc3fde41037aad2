export * from './gen/nat/architecture/v1/architecture.ts';
export * from './gen/nat/architecture/v1/architecture_service.ts';
