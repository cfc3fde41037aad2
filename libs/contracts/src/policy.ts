export * from './gen/nat/policy/v1/policy_service.ts';
