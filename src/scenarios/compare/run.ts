import { availableParallelism } from 'node:os';
import type { DesignName } from '../../kvm/designs/design.ts';
import { DESIGNS } from '../../kvm/designs/designs.ts';
import { memoryPerSource } from '../../kvm/designs/memory.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import { Calibrator } from '../../threads/calibration.ts';
import { type CalibrationFigures, calibrationFigures } from '../../threads/calibration-figures.ts';
import { type CompareTopology, machineOf, measureDispatch, measureInjection } from './measure.ts';
import type { ByDispatch, CompareResult, DesignResult, DispatchFigures, Noise } from './result.ts';
import { measureFates, measureUpdates } from './updates.ts';

export type CompareOptions = CompareTopology & {
  /** The first one is measured twice. */
  readonly abi: readonly DesignName[];
  /** On real threads, of all designs together; what a start and the calibration take comes on top. */
  readonly seconds: number;
};

export type CompareWatch = {
  /** Ends the run; the result has the designs that were done by then. */
  readonly signal?: AbortSignal;
  readonly progress?: (share: number, what: string) => void;
};

type Uncalibrated = Readonly<Record<'main' | 'inline', Omit<DispatchFigures, 'toCalibration'>>>;

/**
 * The same devices and guest under each design, in both dispatches. The machine is calibrated before and after.
 * @throws IrqError `ERR_CONFIG`; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runCompare(options: CompareOptions, watch: CompareWatch = {}): Promise<CompareResult> {
  const start = performance.now();
  // What one of the designs has no room for is to be said before anything is measured.
  for (const name of options.abi) machineOf(name, options, 'inline');
  const { abi, vcpus, devices, events } = options;
  const calibrator = new Calibrator();
  const parts = abi.length + 1;
  const each = options.seconds / (2 * parts);
  const stopped = () => watch.signal?.aborted ?? false;
  const measure = async (name: DesignName): Promise<Uncalibrated> => ({
    main: await measureDispatch(name, options, 'main', each),
    inline: await measureDispatch(name, options, 'inline', each),
  });
  try {
    watch.progress?.(0, 'calibrating');
    const before = await calibrator.measure();
    const done: { name: DesignName; dispatch: Uncalibrated; alone: Alone }[] = [];
    for (const [index, name] of abi.entries()) {
      if (stopped()) break;
      watch.progress?.(index / parts, name);
      done.push({ name, alone: measureAlone(name), dispatch: await measure(name) });
    }
    const [first] = done;
    const again = first && done.length === abi.length && !stopped() ? await measure(first.name) : undefined;
    watch.progress?.(1, 'calibrating');
    const after = await calibrator.measure();
    const calibration = calibrationFigures(before, after);
    const designs = done.map(({ name, dispatch, alone }): DesignResult => {
      const { letter, title, status, table, names, msi } = DESIGNS[name];
      return {
        name,
        letter,
        title,
        status,
        table,
        names,
        eventsAs: msi === 'lpi' ? 'lpi' : 'spi',
        dispatch: calibrated(dispatch, calibration),
        ...alone,
        memory: memoryPerSource(DESIGNS[name]),
      };
    });
    const repeated = first && again ? { name: first.name, dispatch: calibrated(again, calibration) } : null;
    const noise = repeated && designs[0] ? noiseOf(designs[0].dispatch, repeated.dispatch) : null;
    return {
      schemaVersion: 1,
      command: 'compare',
      config: { vcpus, devices, events, abi, cores: availableParallelism(), node: process.version },
      clock: after.clock.costNs < before.clock.costNs ? after.clock : before.clock,
      calibration,
      designs,
      again: repeated,
      noise,
      interrupted: stopped(),
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    await calibrator.close();
  }
}

const WARM_VECTORS = 64;

type Alone = Pick<DesignResult, 'injection' | 'updates' | 'fates'>;

/** What is measured in this thread alone, without any other. */
function measureAlone(name: DesignName): Alone {
  // Once for the compiler.
  measureUpdates(name, [WARM_VECTORS]);
  return { injection: measureInjection(name), updates: measureUpdates(name), fates: measureFates(name) };
}

function calibrated(dispatch: Uncalibrated, { spinNs }: CalibrationFigures): ByDispatch {
  const ratio = (figures: Omit<DispatchFigures, 'toCalibration'>): DispatchFigures => {
    const { p50 } = figures.latencyNs;
    return { ...figures, toCalibration: p50 === null ? null : p50 / (spinNs.p50 / 2) };
  };
  return { main: ratio(dispatch.main), inline: ratio(dispatch.inline) };
}

function noiseOf(first: ByDispatch, again: ByDispatch): Noise {
  const apart = (a: number, b: number) => Math.max(a, b) / Math.max(Math.min(a, b), Number.MIN_VALUE);
  const of = (how: Dispatch) => ({
    latency: apart(first[how].latencyNs.p50 ?? 1, again[how].latencyNs.p50 ?? 1),
    rate: apart(first[how].perSecond, again[how].perSecond),
  });
  return { main: of('main'), inline: of('inline') };
}
