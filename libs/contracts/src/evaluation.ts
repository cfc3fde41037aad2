export * from './gen/nat/evaluation/v1/evaluation.ts';
export * from './gen/nat/evaluation/v1/evaluation_service.ts';
export * from './gen/nat/evaluation/v1/worker_service.ts';
