import { availableParallelism } from 'node:os';
import { untilAborted } from '../../base/until-aborted.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import { LATENCY } from '../../measure/buckets.ts';
import { Distribution } from '../../measure/distribution.ts';
import { store } from '../../memory/word.ts';
import { Calibrator } from '../../threads/calibration.ts';
import { calibrationFigures } from '../../threads/calibration-figures.ts';
import { Harness } from '../../threads/harness.ts';
import { withCalls } from '../../threads/user/places.ts';
import { NO_OWN, type OwnOptions, ownCode, ownNames } from '../own/own-code.ts';
import { buildScale, fitsGsis, MOST_LPIS } from './scale-build.ts';
import { type ScalePlan, scaleViews } from './scale-plan.ts';
import {
  type ScalePoint,
  type ScaleResult,
  type Size,
  SWEEPS,
  type Sweep,
  type Via,
} from './scale-result.ts';
import { scaleDeviceProgram, scaleGuestProgram } from './scale-threads.ts';

export type ScaleOptions = {
  readonly base: Size;
  /** The values of each sweep; an empty list skips the sweep. */
  readonly sweeps: Readonly<Record<Sweep, readonly number[]>>;
  readonly dispatch: Dispatch;
  /** Time to measure each size, s. */
  readonly seconds: number;
  /** User modules that replace the measurement's guest and device. */
  readonly own?: OwnOptions;
};

export type ScaleWatch = {
  readonly signal?: AbortSignal;
  readonly progress?: (share: number, what: string) => void;
};

/** The share of each run that does not count: the compiler compiles hot code and the kernel places threads. */
const WARM_SHARE = 0.25;
/** How long devices may take to end after `stop`, ms. */
const STOP_MS = 10_000;

/**
 * Measures throughput and latency by size: each device keeps one signal of each of its LPIs in flight, with no reconfiguration. A size
 * that several sweeps share is measured in each.
 * @throws IrqError `ERR_CONFIG`; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runScale(options: ScaleOptions, watch: ScaleWatch = {}): Promise<ScaleResult> {
  const start = performance.now();
  const { base, dispatch, seconds, own = NO_OWN } = options;
  const { signal } = watch;
  ownCode(own);
  const wanted = SWEEPS.flatMap((sweep) => options.sweeps[sweep].map((asked) => ({ sweep, asked })));
  const calibrator = new Calibrator();
  try {
    watch.progress?.(0, 'calibrating');
    const before = await calibrator.measure({ signal });
    const measured: Omit<ScalePoint, 'ratio'>[] = [];
    for (const [index, { sweep, asked }] of wanted.entries()) {
      if (signal?.aborted) break;
      watch.progress?.(index / wanted.length, `${sweep} ${asked}`);
      const size = { ...base, [sweep]: sweep === 'lpis' ? Math.min(asked, MOST_LPIS) : asked };
      const lpis = Math.max(size.lpis, size.devices);
      const via: Via = fitsGsis(lpis) ? 'irqfd' : 'signal-msi';
      const point = await measure({ ...size, lpis, via, dispatch, own: ownCode(own) }, seconds, signal);
      if (point !== undefined) measured.push({ ...point, sweep, asked });
    }
    watch.progress?.(1, 'calibrating');
    const after = await calibrator.measure({ signal });
    const calibration = calibrationFigures(before, after);
    return {
      schemaVersion: 1,
      command: 'scale',
      config: {
        base,
        dispatch,
        seconds,
        ...ownNames(own),
        cores: availableParallelism(),
        node: process.version,
      },
      clock: after.clock.costNs < before.clock.costNs ? after.clock : before.clock,
      calibration,
      interrupted: signal?.aborted ?? false,
      seconds: (performance.now() - start) / 1000,
      points: measured.map((point) => ({
        ...point,
        ratio: { toCalibration: (point.deliveredPerSecond * calibration.spinNs.p50) / 2 / 1e9 },
      })),
    };
  } finally {
    await calibrator.close(signal?.aborted);
  }
}

/** Measures one size. @returns undefined if the signal aborts before the warm-up is over */
async function measure(
  plan: ScalePlan,
  seconds: number,
  signal: AbortSignal | undefined,
): Promise<Omit<ScalePoint, 'ratio' | 'sweep' | 'asked'> | undefined> {
  const machine = buildScale(plan);
  const { stopAt, latency, places } = scaleViews(machine, plan);
  const bootStart = performance.now();
  const devices = Array.from({ length: plan.devices }, (_, device) => {
    return [`device${device}`, scaleDeviceProgram({ plan, device })] as const;
  });
  const cast = { guest: scaleGuestProgram(plan), programs: Object.fromEntries(devices) };
  const harness = await Harness.boot(machine, cast, undefined, signal);
  const bootMs = performance.now() - bootStart;
  const read = () => {
    const all = new Distribution(LATENCY);
    for (const histogram of latency) histogram.addTo(all);
    return all;
  };
  try {
    if (signal?.aborted) return undefined;
    const vcpus = harness.runVcpus();
    const running = Promise.all([...harness.programs.values()].map((thread) => thread.run()));
    const failed = Promise.race([running, vcpus]);
    const wait = (share: number) =>
      untilAborted(
        Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 1000 * seconds * share))]),
        signal,
      );
    await wait(WARM_SHARE);
    if (signal?.aborted) return undefined;
    const warm = read();
    const begin = performance.now();
    await wait(1 - WARM_SHARE);
    const measured = read().since(warm);
    const lasted = (performance.now() - begin) / 1000;
    store(machine.words, stopAt, 1);
    if (!signal?.aborted) {
      await harness.within('stop', running, STOP_MS);
      await harness.leaveGuests(vcpus);
    }
    const { count: delivered, ...latencyNs } = measured.summary();
    const { vcpus: n, devices: d, lpis, via } = plan;
    const deliveredPerSecond = delivered / lasted;
    return {
      vcpus: n,
      devices: d,
      lpis,
      via,
      seconds: lasted,
      delivered,
      deliveredPerSecond,
      latencyNs,
      bootMs,
    };
  } catch (error) {
    throw withCalls(error, places);
  } finally {
    store(machine.words, stopAt, 1);
    await (signal?.aborted ? harness.destroy() : harness.close());
  }
}
