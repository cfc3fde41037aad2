export type { Exchange, Protocol } from './protocol.ts';
export { runProcess, type FinishedProcess } from './run-process.ts';
export { startRequestProcess, type RequestOptions, type RequestProcess, type RequestProcessOptions } from './request-process.ts';
export { serveParent, type HandlerContext, type Handlers } from './serve-parent.ts';
export { describeEnd, startProcess, type ProcessEnd, type ProcessOptions, type RunningProcess } from './start-process.ts';
