export * from './gen/nat/metrics/v1/metrics_service.ts';
