import { FIRST_SPI, type Pin } from '../arch/intid.ts';
import { Chance } from '../base/chance.ts';
import type { Machine } from '../board/machine.ts';
import type { Source } from '../guest/index.ts';
import type { EventFd } from '../memory/eventfd.ts';
import { SIGNALLER } from '../memory/perturbation/meeting.ts';
import { load } from '../memory/word.ts';
import { threadProgram } from '../threads/programs.ts';
import { Meetings } from './meetings.ts';
import { isPerturbed, type Plan, stressViews } from './stress-plan.ts';

/** Signals of the longest burst: long enough for the rate of injection to show, short enough to be waited for often. */
const LONG_BURST = 1024;
const SHORT_BURST = 32;
const PINGS = 32;
/** How long a device looks for its signals to be handled before it sleeps. */
const LOOKS = 500;
/** How long a device lies in wait for a thread that stops, ms. */
const AMBUSH_MS = 1.5;
/** Of so many answers to a thread that stops, one asks for stillness, so that nothing covers what was lost. */
const STILL_ONE_IN = 4;
/** How often a sleeping device looks whether the run is over. */
const NAP_MS = 50;
/** How long, once the run is over, a device waits for what it has signalled. */
const LAST_WAIT_MS = 3_000;

/** Which device of the plan a thread is. */
export type StressDevice = { readonly plan: Plan; readonly device: number };

type DeviceSource = Source & {
  readonly index: number;
  /** Of the line that it holds until it is served, or -1. */
  readonly line: number;
  readonly pin: Pin;
  readonly told: EventFd | undefined;
};

/** What stands between a device and what it does, if anything: each is asked once, before the device runs. */
export type DeviceWatch = {
  readonly signal: (give: (source: DeviceSource) => void) => (source: DeviceSource) => void;
  readonly stretch: (name: 'burst' | 'pings' | 'wait', run: () => boolean) => () => boolean;
};

const UNWATCHED: DeviceWatch = { signal: (give) => give, stretch: (_, run) => run };

/**
 * A device thread: signals its sources in bursts, in an order drawn from the seed, and after each burst waits until the
 * guest has seen them all. So signals race with each other and with the churn, and yet each loss shows.
 *
 * A device on a resampling irqfd asserts its line from a signal until a handler has seen it. When it is told that the
 * interrupt has ended, its line is down; if it is not served yet, because it signalled anew meanwhile or because its
 * turn comes later on a line that it shares, it raises it again.
 */
export function stressDevice(
  machine: Machine,
  { plan, device }: StressDevice,
  watch: DeviceWatch = UNWATCHED,
): { run(): { injected: number } } {
  const { proof, stopAt, lines, account, still } = stressViews(machine, plan);
  const { irqfds, design } = machine.vm;
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
            pin: source.intid - FIRST_SPI,
            told: source.resamplefd < 0 ? undefined : irqfds.eventfd(source.resamplefd),
          },
        ]
      : [],
  );
  const left = Int32Array.from(mine, () => (plan.iterations === 0 ? -1 : plan.iterations));
  const touched = new Uint8Array(mine.length);
  const stopping = () => load(machine.words, stopAt) !== 0;
  let injected = 0;

  const give = watch.signal((source) => {
    proof.beginSignal(source.index, machine.clock);
    if (source.kind === 'level' && !source.told) {
      machine.vm.irqLine(design.lineOfPin(source.pin), true);
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

  /** What a device does when it is told that the guest has ended its interrupt. */
  const resample = (which: number) => {
    const source = mine[which];
    if (!source || proof.isSettled(source.index)) return;
    account.raises(source.line, true);
    irqfds.write(source.fd);
  };

  /**
   * The last of the sources touched that is not settled, by its place among this device's, or -1. The guest takes them in
   * order: it is settled last.
   */
  const unsettled = () => {
    for (let which = mine.length - 1; which >= 0; which--) {
      if (touched[which] === 0) continue;
      const index = mine[which]?.index ?? 0;
      if (!proof.isSettled(index)) {
        if (mine[which]?.told?.drain()) resample(which);
        return which;
      }
      proof.settle(index);
      touched[which] = 0;
    }
    return -1;
  };

  /** Sleeps until a source may be settled; whether it is. */
  const sleep = (which: number) => {
    const source = mine[which];
    if (!source?.told) return proof.awaitSettled(device, source?.index ?? 0, NAP_MS);
    if (source.told.read(NAP_MS) > 0n) resample(which);
    return proof.isSettled(source.index);
  };

  /** Waits until all that was signalled has been handled; false if the run is over first. */
  const settle = watch.stretch('wait', () => {
    let waitFor = unsettled();
    for (let look = 0; look < LOOKS && waitFor >= 0; look++) waitFor = unsettled();
    let until = Number.POSITIVE_INFINITY;
    while (waitFor >= 0) {
      if (!sleep(waitFor)) {
        const now = machine.clock.now();
        if (stopping()) until = Math.min(until, now + LAST_WAIT_MS * 1e6);
        if (now > until) return unsettled() < 0;
      }
      waitFor = unsettled();
    }
    return true;
  });

  /** Now and then asks for stillness: the driver brings it about. */
  const keepStill = () => {
    if (still.isRipe && chance.below(STILL_ONE_IN) === 0) still.begin();
  };

  /**
   * A thread stops: signals the source that it has in hand, if that is one of this device's. That signal is the last of its
   * burst, and now and then everything keeps still afterwards: so no later signal covers what becomes of this one.
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
    const length = chance.below(3) === 0 ? LONG_BURST : 2 + chance.below(SHORT_BURST - 1);
    const first = chance.below(mine.length);
    const scattered = chance.below(2) === 0;
    for (let i = 0; i < length && !still.isWanted; i++) {
      signal(scattered ? chance.below(mine.length) : (first + i) % mine.length);
      if (meeting.isOpen && meet()) break;
      if (meeting.takeOwn()) {
        // It stopped in the middle of that signal: no later one shall cover what became of it.
        keepStill();
        break;
      }
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
    if (draw < 2) return pings();
    return draw === 2 && isPerturbed(plan) ? ambush() : burst();
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

export const stressDeviceProgram = threadProgram(import.meta.url, stressDevice);
