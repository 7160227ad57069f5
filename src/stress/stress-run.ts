import type { ErrorCode } from '../base/codes.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import { store } from '../memory/word.ts';
import { byTheClock, Deadline } from '../threads/deadline.ts';
import { type Cast, Harness } from '../threads/harness.ts';
import { silentThreads } from '../threads/silent.ts';
import { lastActions } from './last-actions.ts';
import { VIOLATIONS } from './proof.ts';
import type { RulesResult } from './rules/rules-result.ts';
import { audit, isAnyWaiting, isAtRest } from './stress-audit.ts';
import { buildStress, type StressOptions } from './stress-build.ts';
import { stressDetail } from './stress-detail.ts';
import { LAST_WAIT_MS, stressDeviceProgram } from './stress-device.ts';
import { stressDriverProgram } from './stress-driver.ts';
import { stressGuestProgram } from './stress-guest.ts';
import { type Plan, perturbationOf, stressViews } from './stress-plan.ts';
import type { StressDetail, StressResult } from './stress-result.ts';
import { stressResult } from './stress-summary.ts';
import { Tally } from './stress-tally.ts';
import { noteViolation, readTracks, type Track } from './traced/timelines.ts';
import { tracedDeviceProgram } from './traced/traced-device.ts';
import { tracedDispatched } from './traced/traced-dispatcher.ts';
import { tracedDriverProgram } from './traced/traced-driver.ts';
import { tracedGuestProgram } from './traced/traced-guest.ts';

/** A glance at a run under way. Totals so far. */
export type StressGlance = {
  readonly seconds: number;
  readonly injected: number;
  readonly delivered: number;
  readonly violations: number;
  /** All counts; a call reads every histogram. */
  readonly detail: () => StressDetail;
};

export type StressWatch = {
  /** Ends the run early; the result holds the counts until then. */
  readonly signal?: AbortSignal;
  /** Called four times a second, on the main thread. */
  readonly glance?: (glance: StressGlance) => void;
  /** Called once when the run has come to rest, with the last counts. */
  readonly finished?: (detail: StressDetail) => void;
  /** As `finished`, where {@link StressOptions.trace} is set: the last actions of each thread. */
  readonly traced?: (tracks: readonly Track[], plan: Plan) => void;
  /** Called once with the result, before the main thread tells the machine's threads to end: the user sees the result sooner. */
  readonly ended?: (result: StressResult) => void;
  /** Called once after the audit: every vCPU sleeps in its guest, and no device signals. */
  readonly rested?: (machine: Machine, plan: Plan, violations: number) => void;
};

const GLANCE_MS = 250;
/** How long the machine may take to come to rest after its devices have finished, and between two looks. */
const REST_MS = 30_000;
const LOOK_MS = 2;
/** How long a wake-up may be on its way, ms, where no still phase has measured this machine. */
const WAKE_MS = 1_000;

/** Threads in the place of the load generator's own, on a topology without wires. */
export type OwnThreads = {
  /** Words of the scenario's region that the threads need behind those of the run. */
  readonly words: number;
  /** A machine and its plan that the caller has built; left out, those of the options. */
  readonly built?: { readonly machine: Machine; readonly plan: Plan };
  readonly cast: (machine: Machine, plan: Plan) => Pick<Cast, 'guest' | 'programs'>;
};

/**
 * The main job: signals from many threads at once, while the machine is being changed, and proves that none was lost.
 * @param own - guests or devices of a caller; left out, the load generator's
 * @throws IrqError `ERR_CONFIG`, `ERR_TRACE_FORMAT` for the input; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runStress(
  options: StressOptions,
  watch: StressWatch = {},
  own?: OwnThreads,
): Promise<StressResult> {
  const { machine, plan } = own?.built ?? buildStress(options, own?.words);
  const { proof, sgis, stopAt, still, coverage, perturbation } = stressViews(machine, plan);
  const tally = new Tally(machine, proof);
  const bootStart = performance.now();
  const cast = own && { ...own.cast(machine, plan), perturbation: perturbationOf(machine, plan) };
  const harness = await Harness.boot(machine, cast ?? castOf(machine, plan), undefined, watch.signal);
  const bootMs = performance.now() - bootStart;
  const settled = (given: Pick<Parameters<typeof stressResult>[0], 'seconds' | 'stuckLines' | 'rules'>) => {
    watch.finished?.(stressDetail(machine, plan, tally));
    if (plan.slices > 0) watch.traced?.(readTracks(machine, plan), plan);
    const interrupted = watch.signal?.aborted ?? false;
    const result = stressResult({ ...given, options, machine, plan, tally, bootMs, interrupted });
    watch.ended?.(result);
    return result;
  };
  if (watch.signal?.aborted) {
    // Some threads may still be loading their programs.
    try {
      return settled({ seconds: bootMs / 1000, stuckLines: 0 });
    } finally {
      await harness.destroy();
    }
  }

  const running = new Set<string>();
  const silence = silenceOf(running, tally, harness, plan);
  const deadline = new Deadline(STOP_MS, () => silence(STOP_MS));
  // Ctrl-C: past a short bound the run ends without its threads.
  const interruption = new Deadline(INTERRUPT_MS, () => silence(INTERRUPT_MS), byTheClock);
  const stop = () => {
    store(machine.words, stopAt, 1);
    deadline.begin();
  };
  const start = performance.now();
  const violated = () => VIOLATIONS.reduce((sum, kind) => sum + proof.count(kind) + sgis.count(kind), 0);
  const known = { met: 0, since: start };
  let isNoted = plan.slices === 0;
  const noteOnce = () => {
    if (isNoted || proof.violated === 0) return;
    isNoted = true;
    noteViolation(machine, plan);
  };
  const glances = setInterval(() => {
    tally.update();
    noteOnce();
    if (options.untilCovered !== undefined) {
      const met = coverage.met(perturbation);
      if (met > known.met) Object.assign(known, { met, since: performance.now() });
      else if (performance.now() - known.since > options.untilCovered * 1000) stop();
    }
    watch.glance?.({
      seconds: (performance.now() - start) / 1000,
      injected: tally.injected,
      delivered: tally.delivered,
      violations: violated(),
      detail: () => stressDetail(machine, plan, tally),
    });
  }, GLANCE_MS);
  const timer = setTimeout(stop, options.seconds * 1000);
  const interrupt = () => {
    stop();
    interruption.begin();
  };
  watch.signal?.addEventListener('abort', interrupt);
  if (watch.signal?.aborted) interrupt();
  try {
    const vcpus = harness.runVcpus();
    const rules = await Promise.race([
      runPrograms(harness, stop, running),
      failureOf(vcpus),
      deadline.missed,
      interruption.missed,
    ]).catch(async (error: unknown) => {
      throw await withPlaces(error, unfinished(running, harness), plan, machine);
    });
    const seconds = (performance.now() - start) / 1000;
    await Promise.race([comeToRest(harness, Math.max(WAKE_MS, still.figures.boundMs)), failureOf(vcpus)]);
    const stuckLines = audit(machine, plan);
    watch.rested?.(machine, plan, violated());
    harness.kickAll();
    await Promise.all(harness.vcpus.map((thread) => thread.within('leave the guest', vcpus)));
    tally.update();
    noteOnce();
    return settled({ seconds, stuckLines, rules });
  } finally {
    clearInterval(glances);
    clearTimeout(timer);
    deadline.end();
    interruption.end();
    watch.signal?.removeEventListener('abort', interrupt);
    stop();
    await (interruption.isMissed ? harness.destroy() : harness.close());
  }
}

/** How long devices and driver may take to end once the run is told to stop: a burst, and a wait for its deliveries. */
const STOP_MS = 10_000;

/**
 * How long they may take once the user has said so: never stretched, however busy the machine is. Twice as long as a device waits for
 * a signal that is lost, so that the result names that signal.
 */
const INTERRUPT_MS = 2 * LAST_WAIT_MS;

/** Makes the error for threads that were told to stop and did not within a bound, ms; undefined where all have. */
type Silence = (boundMs: number) => Promise<Error | undefined>;

function silenceOf(running: ReadonlySet<string>, tally: Tally, harness: Harness, plan: Plan): Silence {
  const { machine } = harness;
  return async (boundMs) => {
    if (running.size === 0) return undefined;
    tally.update();
    const { injected, delivered } = tally;
    return silentThreads(
      `${[...running].join(', ')} did not stop within ${boundMs} ms; until then ${injected} signals were injected and ${delivered} delivered`,
      unfinished(running, harness),
      lastActions(machine, plan),
    );
  };
}

/** The programs that run, and the vCPUs that do: a device may wait for a handler that does not return. */
function unfinished(running: ReadonlySet<string>, { machine, vcpus, programs }: Harness) {
  return [
    ...[...programs.values()].filter(({ name }) => running.has(name)),
    ...vcpus.filter((_, vcpu) => !machine.control(vcpu).isHalted),
  ];
}

/** A thread that waited in vain knows a lock or a reader's number: the error also says where the other threads are. */
async function withPlaces(
  error: unknown,
  threads: ReturnType<typeof unfinished>,
  plan: Plan,
  machine: Machine,
): Promise<unknown> {
  if (!(error instanceof IrqError) || !WAITS.has(error.code)) return error;
  return silentThreads(error.message, threads, lastActions(machine, plan), error.code);
}

const WAITS: ReadonlySet<string> = new Set<ErrorCode>(['ERR_GRACE_TIMEOUT', 'ERR_LOCK_TIMEOUT']);

/** Runs devices and driver; the driver ends after the devices. Resolves to the driver's counts of the rules. */
async function runPrograms(harness: Harness, stop: () => void, running: Set<string>): Promise<RulesResult> {
  const devices: Promise<unknown>[] = [];
  let driver: Promise<unknown> | undefined;
  for (const [name, thread] of harness.programs) {
    running.add(name);
    const run = thread.run().finally(() => running.delete(name));
    if (name === 'driver') driver = run;
    else devices.push(run);
  }
  // A driver that fails ends the run at once; a driver that finishes early (no churn) does not.
  await Promise.race([Promise.all(devices), failureOf(driver ?? Promise.resolve())]);
  stop();
  return (await driver) as RulesResult;
}

/** Never resolves; rejects when `promise` does. */
function failureOf(promise: Promise<unknown>): Promise<never> {
  return promise.then(() => new Promise<never>(() => undefined));
}

const PROGRAMS = { guest: stressGuestProgram, device: stressDeviceProgram, driver: stressDriverProgram };
/** Programs that keep slices of their time; a run without slices has no trace of them. */
const TRACED = { guest: tracedGuestProgram, device: tracedDeviceProgram, driver: tracedDriverProgram };

function castOf(machine: Machine, plan: Plan): Cast {
  const traced = plan.slices > 0;
  const { guest, device, driver } = traced ? TRACED : PROGRAMS;
  const devices = Array.from({ length: plan.devices }, (_, index) => {
    return [`device${index}`, device({ plan, device: index })] as const;
  });
  return {
    guest: guest(plan),
    programs: { ...Object.fromEntries(devices), driver: driver(plan) },
    perturbation: perturbationOf(machine, plan),
    ...(traced ? { dispatched: tracedDispatched(machine, plan) } : {}),
  };
}

/**
 * Waits until no count has moved between two looks, and no interrupt waits for its vCPU; while an interrupt waits, until no
 * count has moved for as long as a wake-up may take.
 * @param wakeMs - how long a wake-up may take, ms
 * @throws IrqError `ERR_THREAD_SILENT` where the machine never comes to rest
 */
export async function comeToRest({ machine, vcpus }: Harness, wakeMs = 0): Promise<void> {
  const end = performance.now() + REST_MS;
  const taken = () => vcpus.map((_, vcpu) => machine.control(vcpu).taken).join();
  let movedAt = performance.now();
  for (let before = ''; performance.now() < end; ) {
    const now = isAtRest(machine) ? taken() : '';
    if (now === '' || now !== before) movedAt = performance.now();
    else if (!isAnyWaiting(machine) || performance.now() - movedAt > wakeMs) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const busy = vcpus.filter((_, vcpu) => !machine.control(vcpu).isHalted);
  const why =
    busy.length === 0
      ? 'every vCPU has halted, and an interrupt is left on a list or an eventfd unread'
      : `${busy.map(({ name }) => name).join(', ')} still runs`;
  throw await silentThreads(`the machine did not come to rest within ${REST_MS} ms: ${why}`, busy);
}
