/**
 * Stress: signals a guest's interrupt sources from many threads at once, while a driver moves, masks and remaps them, and
 * proves that no interrupt was lost, doubled or misrouted.
 *
 * `runStress` is the product. Its input is a workload: a synthetic topology, or a guest that boots itself. The threads run
 * `stress-device.ts`, `stress-guest.ts` and `stress-driver.ts`; with `trace` set, those of `traced/`, which wrap them.
 * The debate runs the same threads on every design.
 */

export { runChurnPhases } from './driver/churn-phases.ts';
export { DriverContext, type DriverParts } from './driver/context.ts';
export { StillPhases } from './driver/still.ts';
export { keepMoment, type Moment, momentOf, readMoment } from './moment.ts';
export { EDGE_SOURCE, PLACES, VIOLATIONS, type ViolationKind } from './proof.ts';
export { boundMsOf, movesOf, waitUntilSettled } from './quiet.ts';
export { resumeMoment, tracksOf } from './resume.ts';
export type { OpenSource, ResumeResult } from './resume-result.ts';
export {
  runRotation,
  runUntilViolation,
  type ViolationWatch,
} from './rotation.ts';
export type { Growth, RotationResult, Turn } from './rotation-result.ts';
export type { TurnSettings } from './rotation-turns.ts';
export { audit, isAtRest } from './stress-audit.ts';
export { buildStress, named as namedSources, type StressOptions } from './stress-build.ts';
export { stressDetail } from './stress-detail.ts';
export { deviceLoad, LAST_WAIT_MS, stressDeviceProgram } from './stress-device.ts';
export { driverParts, stressDriver, stressDriverProgram } from './stress-driver.ts';
export { stressGuest, stressGuestProgram } from './stress-guest.ts';
export {
  type Plan,
  perturbationOf,
  proofKind,
  type StressMachine,
  stressViews,
  stressWords,
  threadsOf,
} from './stress-plan.ts';
export {
  CHURN_COUNTS,
  CHURNS,
  type Churn,
  type ChurnCount,
  held,
  LINE_MODES,
  type LineMode,
  type NamedViolation,
  type StressDetail,
  type StressDispatch,
  type StressResult,
} from './stress-result.ts';
export { type OwnThreads, runStress, type StressGlance, type StressWatch } from './stress-run.ts';
export { stressResult } from './stress-summary.ts';
export { Tally } from './stress-tally.ts';
export type { Slice } from './traced/slices.ts';
export type { Role, Track } from './traced/timelines.ts';
