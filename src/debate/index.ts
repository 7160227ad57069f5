/**
 * Debate: the designs of 2015 for naming an interrupt, side by side. For each: the operations of one injection,
 * userland's cost to change a vector, the fate of signals during a change of the table, and the throughput of a stress
 * run's threads. `runCompare` is the product; it runs the load generator of `stress`.
 */
export type { CompareResult, DesignResult, UpdateFigures, UpdateRow } from './debate-result.ts';
export { runCompare } from './debate-run.ts';
