export { serveFree as free } from '../src/explore/real/free-entry.ts';
