/**
 * The explorer: runs small concurrent programs under every interleaving, or the likeliest bad ones, in one thread.
 *
 * `loading` reads a scenario and rewrites its source. `control` replaces Atomics, views, clock and chance
 * while code under test runs. `memory` holds and restores the shared bytes. `running` executes one schedule:
 * the tree of points, the threads' code run again from its start, loops, waits. `search` chooses schedules:
 * strategies, phases, shares, shrinking, and conclusions. `telling` puts a schedule and its failure into
 * words and tokens. `real` runs the same in worker threads.
 *
 * @module irqloom/explore
 */

export { loadScenario } from './loading/load.ts';
export {
  type CheckedScenario,
  checkScenario,
  defineScenario,
  type Outcomes,
  type Scenario,
  type ThreadBody,
} from './loading/scenario.ts';
export { loadSource, type ScenarioSource } from './loading/source.ts';
export type { Choices, Divergence, Execution, Executor, Step } from './running/executor.ts';
export type { OperationName } from './running/operation.ts';
export type { Timeouts } from './running/simulator-options.ts';
export { explore, exploreAll, exploreChecked } from './search/explore.ts';
export type { ExploreOptions } from './search/explore-options.ts';
export { type SearchOptions, STRATEGIES, type StrategyName } from './search/phases.ts';
export { AbstractLock } from './telling/abstract-lock.ts';
export { type ReplayOptions, type ReplayResult, replay, replayChecked } from './telling/replay.ts';
export type {
  Coverage,
  DataRace,
  ExploreResult,
  Failure,
  FailureKind,
  RaceAccess,
  ThreadEnd,
  TraceEntry,
} from './telling/result.ts';
export { decodeToken, encodeToken, type Token } from './telling/token.ts';
