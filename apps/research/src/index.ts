export { benchCommand } from './bench/command.ts';
export { reproduceCommand } from './reproduce/command.ts';
