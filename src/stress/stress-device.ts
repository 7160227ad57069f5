import { FIRST_SPI, type Intid } from '../arch/intid.ts';
import { Chance } from '../base/chance.ts';
import { PollChoice } from '../base/poll-choice.ts';
import { isHubCrowded } from '../board/crowd.ts';
import type { Machine } from '../board/machine.ts';
import { hasIrqFd, type Source } from '../guest/index.ts';
import type { EventFd } from '../memory/eventfd.ts';
import { SIGNALLER } from '../memory/perturbation/meeting.ts';
import { load } from '../memory/word.ts';
import { threadProgram } from '../threads/programs.ts';
import { Meetings } from './meetings.ts';
import { isPerturbed, type Plan, type StressMachine, stressViews } from './stress-plan.ts';

/** Signals of the longest burst: long enough for the rate of injection to show, short enough to be waited for often. */
const LONG_BURST = 1024;
const SHORT_BURST = 32;
const PINGS = 8;
/**
 * Signals in a row to the only source of a device. The proof counts them at once: a later one covers an earlier one in any case, and
 * only the last needs a delivery of its own.
 */
const RUN = 32;
/** Signals of a paced stretch, for each source: where there are few, each signal of the stretch waits for a delivery. */
const PACED = 64;
/**
 * How long a device polls for its signals to be handled before the device sleeps, where polling pays, ns; looks between two
 * readings of the clock.
 */
const POLL_NS = 200_000;
const LOOKS = 16;
/** How long a device lies in wait for a thread that stops, ms. */
const AMBUSH_MS = 1.5;
/** Of so many answers to a thread that stops, one asks for stillness, so that no later signal covers a loss. */
const STILL_ONE_IN = 4;
/** How often a sleeping device looks whether the run is over. */
const NAP_MS = 50;
/** How long, once the run is over, a device waits for its signals to be handled. */
export const LAST_WAIT_MS = 3_000;

/** Which device of the plan a thread is. */
export type StressDevice = { readonly plan: Plan; readonly device: number };

type DeviceSource = Source & {
  readonly index: number;
  /** The line that the device holds until the device is served, or -1. */
  readonly line: number;
  readonly told: EventFd | undefined;
};

/** Wrappers around the actions of a device, if any: each wrapper is called once, before the device runs. */
export type DeviceWatch = {
  readonly signal: (give: (source: DeviceSource) => void) => (source: DeviceSource) => void;
  readonly stretch: (name: 'burst' | 'pings' | 'wait', run: () => boolean) => () => boolean;
};

const UNWATCHED: DeviceWatch = { signal: (give) => give, stretch: (_, run) => run };

/**
 * A device thread: signals its sources in bursts, in an order drawn from the seed, and after each burst waits until the
 * guest has seen them all. So signals race with each other and with the churn, and yet each loss shows.
 *
 * A device on a resampling irqfd asserts its line from a signal until a handler has seen the signal. When userland tells the
 * device that the interrupt has ended, the line is down. A device that is not served yet raises the line again: because the
 * device signalled anew meanwhile, or because its turn comes later on a shared line.
 * @param raiseLine - KVM_IRQ_LINE, for a level that no irqfd drives
 */
export function deviceLoad(
  machine: StressMachine,
  { plan, device }: StressDevice,
  raiseLine: (intid: Intid) => void,
  watch: DeviceWatch = UNWATCHED,
): { run(): { injected: number } } {
  const { proof, stopAt, lines, account, still } = stressViews(machine, plan);
  const { irqfds } = machine.vm;
  const chance = new Chance(plan.seed);
  chance.begin(device + 1);
  const meetings = new Meetings(machine, plan, 1 + plan.vcpus + device, SIGNALLER);
  const { meeting } = meetings;
  const mine = plan.sources.flatMap((source, index): DeviceSource[] =>
    source.device === device
      ? [
          {
            ...source,
            index,
            line: lines.findIndex(({ sources }) => sources.includes(index)),
            told: source.resamplefd < 0 ? undefined : irqfds.eventfd(source.resamplefd),
          },
        ]
      : [],
  );
  const left = Int32Array.from(mine, () => (plan.iterations === 0 ? -1 : plan.iterations));
  const touched = new Uint8Array(mine.length);
  const heard = mine.flatMap(({ told }, which) => (told ? [which] : []));
  const stopping = () => load(machine.words, stopAt) !== 0;
  let injected = 0;

  const give = watch.signal((source) => {
    proof.beginSignal(source.index, machine.clock);
    if (source.kind === 'level' && !source.told) {
      raiseLine(source.intid);
      return;
    }
    if (source.told) account.raises(source.line, false);
    irqfds.write(source.fd);
  });

  const signal = (which: number) => {
    const source = mine[which];
    if (!source || left[which] === 0) return;
    if (plan.iterations !== 0) left[which] = (left[which] ?? 0) - 1;
    touched[which] = 1;
    injected++;
    give(source);
  };

  /** Whether nothing looks at single signals: then a device of one source makes runs of signals. */
  const makesRuns =
    watch === UNWATCHED &&
    !isPerturbed(plan) &&
    plan.iterations === 0 &&
    mine.length === 1 &&
    isEdge(mine[0]);

  /** A run of signals to the only source. */
  const storm = () => {
    const source = mine[0];
    if (!source) return;
    proof.beginRun(source.index, RUN - 1);
    for (let count = 1; count < RUN; count++) irqfds.write(source.fd);
    injected += RUN - 1;
    signal(0);
  };

  /** The device's answer to the end of its interrupt. */
  const resample = (which: number) => {
    const source = mine[which];
    if (!source || proof.isSettled(source.index)) return;
    account.raises(source.line, true);
    irqfds.write(source.fd);
  };

  /** Raises again each source that was told of an end and is not served, while the device waits for another source. */
  const hear = () => {
    for (const which of heard) if (mine[which]?.told?.drain()) resample(which);
  };

  /**
   * The last of the sources touched that is not settled, of `count` from `first` on, by its place among this device's, or -1.
   * The guest takes the sources in order: the last one is settled last.
   */
  const unsettled = (first = 0, count = mine.length) => {
    for (let behind = count - 1; behind >= 0; behind--) {
      const which = first + behind < mine.length ? first + behind : first + behind - mine.length;
      if (touched[which] === 0) continue;
      const index = mine[which]?.index ?? 0;
      if (!proof.isSettled(index)) {
        hear();
        return which;
      }
      proof.settle(index);
      touched[which] = 0;
    }
    return -1;
  };

  /** Sleeps until a source may be settled; returns whether the source is settled. */
  const sleep = (which: number) => {
    const source = mine[which];
    if (!source?.told) return proof.awaitSettled(device, source?.index ?? 0, NAP_MS);
    if (source.told.read(NAP_MS) > 0n) resample(which);
    return proof.isSettled(source.index);
  };

  const choice = new PollChoice(POLL_NS, !isHubCrowded(machine.config));

  /**
   * Polls until the sources from `first` on are settled, or until the time `end`; returns the last result of
   * {@link unsettled}.
   */
  const poll = (first: number, count: number, end: number) => {
    let waitFor = unsettled(first, count);
    while (waitFor >= 0 && machine.clock.now() < end)
      for (let look = 0; look < LOOKS && waitFor >= 0; look++) waitFor = unsettled(first, count);
    return waitFor;
  };

  /** Waits until `count` sources from `first` on have been handled; false if the run is over first. */
  const wait = (first: number, count: number) => {
    if (unsettled(first, count) < 0) return true;
    const start = machine.clock.now();
    let waitFor = poll(first, count, start + choice.pollNs);
    let until = Number.POSITIVE_INFINITY;
    while (waitFor >= 0) {
      if (!sleep(waitFor)) {
        const now = machine.clock.now();
        if (stopping()) until = Math.min(until, now + LAST_WAIT_MS * 1e6);
        if (now > until) return unsettled(first, count) < 0;
      }
      waitFor = unsettled(first, count);
    }
    const now = machine.clock.now();
    choice.waited(now, now - start, injected);
    return true;
  };

  /** Waits until all that was signalled has been handled; false if the run is over first. */
  const settle = watch.stretch('wait', () => wait(0, mine.length));
  /** A source that was not handled yet when the device last looked. */
  let busy = 0;
  /** Waits until the first and half of the sources behind the first have been handled. */
  const settleHalf = watch.stretch('wait', () => wait(busy, (mine.length + 1) >> 1));

  /** Now and then asks the driver for stillness. */
  const keepStill = () => {
    if (still.isRipe && chance.below(STILL_ONE_IN) === 0) still.begin();
  };

  /**
   * A thread stops: the device signals the source that the thread has in hand, where the source is the device's own. That
   * signal is the last of its burst, and now and then all devices keep still afterwards: so no later signal covers the fate
   * of this one.
   */
  const meet = () => {
    const { source } = meetings;
    const which = mine.findIndex(({ index }) => index === source);
    if (which < 0 && (source >= 0 || chance.below(4) > 0)) return false;
    signal(which < 0 ? chance.below(mine.length) : which);
    keepStill();
    meeting.answer();
    return true;
  };

  /** One signal at a time to one source, each awaited: nothing coalesces, so a delivery too many shows. */
  const pings = watch.stretch('pings', () => {
    const which = chance.below(mine.length);
    for (let ping = 0; ping < PINGS; ping++) {
      signal(which);
      if (!settle()) return false;
      if (stopping() || still.isWanted) return true;
    }
    return true;
  });

  const burst = watch.stretch('burst', () => {
    const isLong = chance.below(3) === 0;
    const length = isLong ? LONG_BURST : 2 + chance.below(SHORT_BURST - 1);
    const first = chance.below(mine.length);
    const scattered = chance.below(2) === 0;
    for (let i = 0; i < length && !still.isWanted; i++) {
      if (isLong && makesRuns) storm();
      else signal(scattered ? chance.below(mine.length) : (first + i) % mine.length);
      if (meeting.isOpen && meet()) break;
      if (meeting.takeOwn()) {
        // The device stopped in the middle of that signal: no later signal shall cover the fate of this one.
        keepStill();
        break;
      }
    }
    return settle();
  });

  /**
   * Signals each source whose last signal has been handled: as many signals are under way as there are sources, and no
   * signal coalesces. So the rate of deliveries shows, and each delivery too many. Where few are left to signal, the
   * device waits until half of them have been handled, so that it then signals several at a time.
   */
  const paced = watch.stretch('burst', () => {
    for (let signals = 0; signals < PACED * mine.length && !still.isWanted && !stopping(); ) {
      let round = 0;
      for (let which = 0; which < mine.length; which++) {
        if (proof.isSettled(mine[which]?.index ?? 0)) {
          signal(which);
          round++;
        } else {
          busy = which;
        }
      }
      if (round <= mine.length >> 2 && !settleHalf()) return false;
      signals += round;
    }
    return settle();
  });

  /** Lies in wait for a thread that stops with a source of this device in hand. */
  const ambush = watch.stretch('burst', () => {
    meeting.await(AMBUSH_MS);
    if (meeting.isOpen) meet();
    return settle();
  });

  const stretch = () => {
    if (plan.isBoth) irqfds.inline = chance.below(2) === 0;
    const draw = chance.below(8);
    if (isPerturbed(plan)) {
      if (draw < 2) return pings();
      if (draw === 2) return ambush();
      return draw < 5 ? paced() : burst();
    }
    if (draw === 0) return pings();
    return draw < 4 ? paced() : burst();
  };

  return {
    run() {
      const more = () => plan.iterations === 0 || left.some((signals) => signals > 0);
      let open = mine.length > 0;
      while (open && !stopping() && more()) {
        if (still.isWanted) still.wait(device, NAP_MS);
        else open = stretch();
      }
      still.keep(device, true);
      return { injected };
    },
  };
}

/** Whether each signal of a source is an edge on an irqfd. */
function isEdge(source: Source | undefined): boolean {
  return source !== undefined && source.kind !== 'level' && hasIrqFd(source);
}

/** {@link deviceLoad} on arm64. */
export function stressDevice(
  machine: Machine,
  task: StressDevice,
  watch?: DeviceWatch,
): { run(): { injected: number } } {
  const { vm } = machine;
  return deviceLoad(
    machine,
    task,
    (intid) => vm.irqLine(vm.design.lineOfPin(intid - FIRST_SPI), true),
    watch,
  );
}

export const stressDeviceProgram = threadProgram(import.meta.url, stressDevice);
