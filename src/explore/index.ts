/** The explorer: runs small concurrent programs under every interleaving, or the likeliest bad ones, in one thread. */
export { AbstractLock } from './abstract-lock.ts';
export type { Choices, Divergence, Execution, Executor, Step } from './executor.ts';
export { explore, exploreAll, exploreChecked } from './explore.ts';
export type { ExploreOptions } from './explore-options.ts';
export { loadScenario } from './load.ts';
export type { OperationName } from './operation.ts';
export { type SearchOptions, STRATEGIES, type StrategyName } from './phases.ts';
export { type ReplayOptions, type ReplayResult, replay, replayChecked } from './replay.ts';
export type {
  Coverage,
  DataRace,
  ExploreResult,
  Failure,
  FailureKind,
  RaceAccess,
  ThreadEnd,
  TraceEntry,
} from './result.ts';
export {
  type CheckedScenario,
  checkScenario,
  defineScenario,
  type Outcomes,
  type Scenario,
  type ThreadBody,
} from './scenario.ts';
export type { Timeouts } from './simulator-options.ts';
export { loadSource, type ScenarioSource } from './source.ts';
export { decodeToken, encodeToken, type Token } from './token.ts';
