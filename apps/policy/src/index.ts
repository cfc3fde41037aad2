export { composePolicy, type PolicyApp, type PolicyOptions } from './compose.ts';
