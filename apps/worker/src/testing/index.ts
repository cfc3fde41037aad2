export { SMALL_SUPERNET } from './small-supernet.ts';
