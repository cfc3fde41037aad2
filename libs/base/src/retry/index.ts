export { Backoff, type BackoffOptions } from './backoff.ts';
export { retry, type Retry, type RetryOptions } from './retry.ts';
export { retryIntervalMs, type RetryPolicy } from './retry-policy.ts';
