export { forwardService } from './forward.ts';
export { ROUTES, type Backend } from './routes.ts';
