export { runVpeStress } from './run.ts';
