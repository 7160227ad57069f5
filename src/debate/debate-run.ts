import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Dispatch } from '../kvm/irqfds.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { Calibrator } from '../threads/calibration.ts';
import { type CalibrationFigures, calibrationFigures } from '../threads/calibration-figures.ts';
import type { DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { memoryPerSource } from '../vmm/memory.ts';
import {
  type CompareTopology,
  machineOf,
  measureDispatch,
  measureInjection,
  type Pass,
} from './debate-measure.ts';
import type { CompareResult, DesignResult, DispatchFigures, Noise, UpdateRow } from './debate-result.ts';
import { measureFates, measureUpdates, VECTORS } from './update-costs.ts';

export type CompareOptions = CompareTopology & {
  /** The designs; each is measured twice. */
  readonly abi: readonly DesignName[];
  /** Seconds on real threads, over all designs; the starts and the calibration come on top. */
  readonly seconds: number;
};

export type CompareWatch = {
  /** Ends the run; the result has the designs finished by then. */
  readonly signal?: AbortSignal;
  readonly progress?: (share: number, what: string) => void;
};

/**
 * Measures the same devices and guest under each design, in both dispatches. Calibrates the host before and after.
 * @throws IrqError `ERR_CONFIG`; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runCompare(options: CompareOptions, watch: CompareWatch = {}): Promise<CompareResult> {
  const start = performance.now();
  // Reject a design without room for the topology before anything is measured.
  for (const name of options.abi) machineOf(name, options, 'inline');
  const { abi, vcpus, devices, events } = options;
  const calibrator = new Calibrator();
  const parts = PASSES * abi.length;
  const each = options.seconds / (2 * parts);
  const stopped = () => watch.signal?.aborted ?? false;
  try {
    watch.progress?.(0, 'calibrating');
    const before = await calibrator.measure({ signal: watch.signal });
    const alone = new Map<DesignName, Alone>();
    const passes = new Map<DesignName, Record<Dispatch, Pass>[]>();
    // There and back: a drift of the host must not look like a difference of designs.
    for (const [turn, name] of [...abi, ...[...abi].reverse()].entries()) {
      if (stopped()) break;
      watch.progress?.(turn / parts, name);
      const figures = alone.get(name) ?? (await measureAlone(name, watch.signal));
      if (figures === undefined) break;
      const main = await measureDispatch(name, options, 'main', each, watch.signal);
      const inline = await measureDispatch(name, options, 'inline', each, watch.signal);
      if (main === undefined || inline === undefined) break;
      alone.set(name, figures);
      passes.set(name, [...(passes.get(name) ?? []), { main, inline }]);
    }
    watch.progress?.(1, 'calibrating');
    const after = await calibrator.measure({ signal: watch.signal });
    const calibration = calibrationFigures(before, after);
    const designs = Array.from(alone, ([name, figures]): DesignResult => {
      const { letter, title, status, table, names, msi } = DESIGNS[name];
      const own = passes.get(name) ?? [];
      return {
        name,
        letter,
        title,
        status,
        table,
        names,
        eventsAs: msi === 'lpi' ? 'lpi' : 'spi',
        dispatch: {
          main: together(
            own.map(({ main }) => main),
            calibration,
          ),
          inline: together(
            own.map(({ inline }) => inline),
            calibration,
          ),
        },
        ...figures,
        memory: memoryPerSource(DESIGNS[name]),
      };
    });
    return {
      schemaVersion: 1,
      command: 'compare',
      config: { vcpus, devices, events, abi, cores: availableParallelism(), node: process.version },
      clock: after.clock.costNs < before.clock.costNs ? after.clock : before.clock,
      calibration,
      designs,
      noise: noiseOf(designs),
      interrupted: stopped(),
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    await calibrator.close(stopped());
  }
}

const PASSES = 2;
const WARM_VECTORS = 64;

type Alone = Pick<DesignResult, 'injection' | 'byRoute' | 'updates' | 'fates'>;

/**
 * Runs the measurements that use only this thread, in steps; Ctrl-C takes effect between steps.
 * @returns undefined where the signal aborts first
 */
async function measureAlone(name: DesignName, signal: AbortSignal | undefined): Promise<Alone | undefined> {
  const goesOn = () => setImmediate(signal?.aborted !== true);
  // Once for the compiler.
  measureUpdates(name, [WARM_VECTORS]);
  if (!(await goesOn())) return undefined;
  const injection = measureInjection(name);
  const updates = new Map<number, UpdateRow>();
  for (const vectors of VECTORS) {
    if (!(await goesOn())) return undefined;
    // A design with room for fewer has the same row twice.
    for (const row of measureUpdates(name, [vectors])) updates.set(row.vectors, row);
  }
  if (!(await goesOn())) return undefined;
  return { ...injection, updates: [...updates.values()], fates: measureFates(name) };
}

function together(passes: readonly Pass[], { parkNs }: CalibrationFigures): DispatchFigures {
  const all = new Distribution(LATENCY);
  for (const { latency } of passes) all.merge(latency);
  const latencyNs = all.summary();
  const sum = (of: (pass: Pass) => number) => passes.reduce((total, pass) => total + of(pass), 0);
  return {
    latencyNs,
    toCalibration: latencyNs.p50 === null ? null : latencyNs.p50 / (parkNs.p50 / 2),
    perSecond: sum(({ perSecond }) => perSecond) / Math.max(1, passes.length),
    passes: passes.map(({ latency, perSecond }) => ({ p50: latency.summary().p50, perSecond })),
    signals: sum(({ signals }) => signals),
    violations: sum(({ violations }) => violations),
  };
}

function noiseOf(designs: readonly DesignResult[]): Noise | null {
  if (designs.length === 0 || designs.some(({ dispatch }) => dispatch.inline.passes.length < PASSES))
    return null;
  const apart = (values: readonly number[]) =>
    Math.max(...values) / Math.max(Math.min(...values), Number.MIN_VALUE);
  const of = (how: Dispatch) => {
    const all = designs.map(({ dispatch }) => dispatch[how].passes);
    return {
      latency: Math.max(...all.map((passes) => apart(passes.map(({ p50 }) => p50 ?? 1)))),
      rate: Math.max(...all.map((passes) => apart(passes.map(({ perSecond }) => perSecond)))),
    };
  };
  return { main: of('main'), inline: of('inline') };
}
