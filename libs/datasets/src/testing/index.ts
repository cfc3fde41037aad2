export { writeImageTree } from './image-tree.ts';
