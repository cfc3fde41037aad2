export { composeMetrics, type Metrics, type MetricsOptions } from './compose.ts';
