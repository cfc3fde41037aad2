export * from './gen/nat/transform/v1/transform_service.ts';
