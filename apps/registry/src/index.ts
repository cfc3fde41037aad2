export { composeRegistry, DEFAULT_REGISTRY_CONFIG, type Registry, type RegistryConfig, type RegistryOptions } from './compose.ts';
