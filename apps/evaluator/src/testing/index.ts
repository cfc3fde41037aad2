export { PARENT, startCoordinatorHarness, tabularSpec, type CoordinatorHarness } from './coordinator-harness.ts';
export { eventually } from './eventually.ts';
