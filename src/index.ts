export { Machine } from './board/machine.ts';
