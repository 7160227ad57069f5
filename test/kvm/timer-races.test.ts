/** A timer expires on another thread while its vCPU masks, rearms, takes and ends its interrupt, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { type InterruptRegions, interruptRegions } from '../../src/gic/interrupt-regions.ts';
import type * as interruptsModule from '../../src/gic/interrupts.ts';
import { ENABLED, GROUP1, LINE } from '../../src/gic/state.ts';
import { encode } from '../../src/gic/system-registers.ts';
import type * as timersModule from '../../src/kvm/timer/arch-timers.ts';
import { type TimerRegions, timerRegions, VIRTUAL } from '../../src/kvm/timer/timer-settings.ts';
import { Layout } from '../../src/memory/layout.ts';
import { add, load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

const PPI = 27;
const CTL = encode(3, 3, 14, 3, 1);
const CVAL = encode(3, 3, 14, 3, 2);
const ON = 1n;
const MASKED = 3n;
const NS_PER_TICK = 16;

type Modules = { readonly interrupts: typeof interruptsModule; readonly timers: typeof timersModule };
type Shared = {
  readonly words: Words;
  readonly gic: InterruptRegions;
  readonly timers: TimerRegions;
  readonly own: number;
};
type View = ReturnType<typeof viewOf>;

function viewOf(modules: Modules, { words, gic, timers, own }: Shared) {
  const interrupts = new modules.interrupts.Interrupts(words, gic);
  const all = new modules.timers.ArchTimers(words, timers, interrupts, () => load(words, own) * NS_PER_TICK);
  const timer = all.of(0);
  const at = interrupts.find(0, PPI);
  const isDue = () =>
    (timer.control(VIRTUAL) & MASKED) === ON && timer.compare(VIRTUAL) <= timer.count(VIRTUAL);
  return {
    interrupts,
    timer,
    isDue,
    isHigh: () => (interrupts.state(at) & LINE) !== 0,
    taken: () => load(words, own + 1),
    /** The host's clock reaches a tick, and its timer interrupt runs. */
    expireAt(tick: number): void {
      store(words, own, tick);
      timer.expire();
    },
    /** The guest's handler, if there is an interrupt: `handle`, then the EOI. Whether there was one. */
    serve(handle: () => void): boolean {
      if (interrupts.best(0, -1) !== PPI || interrupts.take(0, PPI) === 0) return false;
      expect(isDue(), 'an interrupt of a timer that is not due').toBe(true);
      add(words, own + 1, 1);
      handle();
      interrupts.deactivate(at, PPI);
      return true;
    },
    bell: interrupts.bell(0),
  };
}

type Story = {
  readonly name: string;
  /** The vCPU is outside its guest at first. */
  readonly outside?: boolean;
  readonly vcpu: (view: View) => void;
  readonly host: (view: View) => void;
  readonly finally: (view: View) => void;
};

/** A vCPU with a timer that is due at tick 10. */
function scenario(story: Story, ...mistakes: readonly MistakeName[]): Scenario<Shared> {
  const modules = loadMutated<Modules>(
    { interrupts: 'gic/interrupts.ts', timers: 'kvm/timer/arch-timers.ts' },
    ...mistakes,
  );
  return {
    name: story.name,
    setup: () => {
      const layout = new Layout(0, 0);
      const gic = interruptRegions(layout, { vcpus: 1, spis: 1, idBits: 13 });
      const timers = timerRegions(layout, 1);
      const own = layout.region('own', 2).at;
      const shared = { words: new Int32Array(new SharedArrayBuffer(layout.words * 4)), gic, timers, own };
      const { interrupts, timer } = viewOf(modules, shared);
      interrupts.setForwarding(3);
      interrupts.change(interrupts.find(0, PPI), PPI, 0, ENABLED | GROUP1);
      timer.enable();
      timer.load();
      timer.write(CVAL, 10n);
      timer.write(CTL, ON);
      if (story.outside) timer.put();
      return shared;
    },
    threads: {
      vcpu: (shared) => story.vcpu(viewOf(modules, shared)),
      host: (shared) => story.host(viewOf(modules, shared)),
    },
    finally: (shared) => story.finally(viewOf(modules, shared)),
  };
}

const followsTimer = ({ isHigh, isDue }: View) => expect(isHigh(), 'the line in the end').toBe(isDue());

const rearming: Story = {
  name: 'rearmed-while-it-expires',
  vcpu: ({ timer }) => void timer.write(CVAL, 10n),
  host: ({ expireAt }) => expireAt(10),
  finally: followsTimer,
};
const masking: Story = {
  name: 'masked-while-it-expires',
  vcpu: ({ timer }) => void timer.write(CTL, MASKED),
  host: ({ expireAt }) => expireAt(10),
  finally: followsTimer,
};
const leaving: Story = {
  name: 'left-and-entered-while-it-expires',
  vcpu: ({ timer }) => {
    timer.put();
    timer.load();
  },
  host: ({ expireAt }) => expireAt(10),
  finally: followsTimer,
};
/** Two periods: the first handler sets the second, which ends the timer. */
const handling: Story = {
  name: 'handled-while-it-expires-again',
  vcpu: (view) => {
    period(view);
    period(view);
  },
  host: ({ expireAt }) => {
    expireAt(10);
    expireAt(20);
  },
  finally: (view) => {
    period(view);
    period(view);
    expect(view.taken(), 'interrupts of two periods').toBe(2);
    expect(view.isHigh()).toBe(false);
  },
};
function period({ serve, timer, taken }: View): void {
  serve(() => {
    if (taken() === 1) timer.write(CVAL, 20n);
    else timer.write(CTL, MASKED);
  });
}
const sleeping: Story = {
  name: 'asleep-until-it-expires',
  outside: true,
  vcpu: ({ timer, bell, serve }) => {
    const ticket = bell.announce();
    timer.load();
    if (serve(() => timer.write(CTL, MASKED))) return bell.withdraw();
    timer.put();
    bell.park(ticket);
  },
  host: ({ expireAt }) => expireAt(10),
  finally: ({ timer, serve, taken }) => {
    timer.load();
    serve(() => timer.write(CTL, MASKED));
    expect(taken()).toBe(1);
  },
};

describe('a timer that expires on another thread', () => {
  test.each([rearming, masking, leaving, handling, sleeping])(
    '$name: no level is lost, and none comes twice, whatever the order',
    (story) => {
      expect(passesEvery(scenario(story)).schedules).toBeGreaterThan(2);
    },
  );

  test.each([rearming, masking])('$name: without the lock the line is wrong in the end', (story) => {
    isCaught(scenario(story, 'level-changes-under-lock: no lock'), 'assertion');
  });

  test('a timer that became due outside the guest is lost where the entry does not look', () => {
    isCaught(scenario(leaving, 'entry-samples-timers: not driven'), 'assertion');
  });

  test('an expiry that raises no line is a lost interrupt', () => {
    isCaught(scenario(handling, 'expiry-raises-line: not raised'), 'assertion');
  });

  test('a vCPU that is not rung sleeps on', () => {
    isCaught(scenario(sleeping, 'expiry-wakes-vcpu: no ring'), 'orphan-wait');
  });
});
