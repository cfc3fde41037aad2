export { composeEvaluator, type Evaluator, type EvaluatorOptions } from './compose.ts';
export { DEFAULT_COORDINATOR_CONFIG, type CoordinatorConfig } from './config.ts';
