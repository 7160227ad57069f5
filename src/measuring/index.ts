/**
 * Measures interrupt latency and throughput, each relative to a calibration of the host.
 *
 * `runLatency` times each path of an interrupt from the device's thread to the guest's handler (`latency/`). `runScale` measures
 * throughput by vCPUs, devices and LPIs (`scale/`). `compareRuns` compares two saved results of `runLatency` (`compare-runs/`).
 */

export type { RunComparison } from './compare-runs/comparison-result.ts';
export { compareRuns } from './compare-runs/run-comparison.ts';
export { readSavedRuns, readSavedRunsFile } from './compare-runs/saved-runs.ts';
export {
  BACKGROUNDS,
  type Background,
  type Delivery,
  type LatencyPictures,
  type LatencyResult,
  type Measured,
  type Path,
  type PathResult,
  pathName,
  SIGNALS,
  type Signal,
  WAITINGS,
  type Waiting,
} from './latency/latency-result.ts';
export { type LatencyOptions, runLatency } from './latency/latency-run.ts';
export type { ScalePoint, ScaleResult, Sweep } from './scale/scale-result.ts';
export { runScale } from './scale/scale-run.ts';
