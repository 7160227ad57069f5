/**
 * Debate: the designs that were proposed in 2015 for giving an interrupt its names, side by side. For each: what one
 * injection touches, what it costs userland to change a vector, what a change of the table leaves behind, and what the
 * threads of a stress run get out of it. `runCompare` is the product; it runs the load generator of `stress`.
 */
export type { CompareResult, DesignResult, UpdateFigures, UpdateRow } from './debate-result.ts';
export { runCompare } from './debate-run.ts';
