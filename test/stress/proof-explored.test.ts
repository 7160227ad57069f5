/**
 * The proof under every interleaving: a machine that does nothing wrong is never accused. The machine is one edge SPI
 * that moves between two vCPUs; the proof is the real one, its device's own count read as an atomic word.
 */
import { expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { interruptRegions } from '../../src/gic/interrupt-regions.ts';
import { EDGE, ENABLED, GROUP1 } from '../../src/gic/state.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';
import { proofRegions } from '../../src/stress/proof-regions.ts';
import { isCaught, passesEvery, passesWithin } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Modules = {
  readonly proof: typeof import('../../src/stress/proof.ts');
  readonly interrupts: typeof import('../../src/gic/interrupts.ts');
};
const FILES = { proof: 'stress/proof.ts', interrupts: 'gic/interrupts.ts' } as const;
// A plain read of a word that is the thread's own, and that others read: not a step, and the explorer cannot know.
const OWN_RUN = 'run-is-noted-first: as a step';
const SEEN_STEPS = ['begin-reads-own-count: as a step', 'settle-reads-own-count: as a step'] as const;
// The places where a signal can be in this machine: its latch.
const ONE_PLACE = 'places-on-the-way: one';

const SPI = 32;
const CLOCK = { now: () => 1 };

type View = {
  readonly proof: InstanceType<Modules['proof']['Proof']>;
  readonly interrupts: InstanceType<Modules['interrupts']['Interrupts']>;
  readonly at: number;
};
type Body = (view: View) => void;

function scenario(
  name: string,
  bodies: Readonly<Record<string, Body>>,
  before: Body,
  ...mistakes: readonly MistakeName[]
): Scenario<Words> {
  const modules = loadMutated<Modules>(FILES, ...SEEN_STEPS, ...mistakes);
  const layout = new Layout();
  const regions = interruptRegions(layout, { vcpus: 2, spis: 1, idBits: 13 });
  const proofs = proofRegions(layout, { sources: 1, intids: 64, devices: 1 });
  const view = (words: Words): View => {
    const interrupts = new modules.interrupts.Interrupts(words, regions);
    return { interrupts, at: interrupts.find(0, SPI), proof: new modules.proof.Proof(words, proofs, 2) };
  };
  return {
    name,
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
      new modules.interrupts.Interrupts(words, regions).resize(1);
      const first = view(words);
      first.interrupts.setForwarding(3);
      first.interrupts.change(first.at, SPI, 0, ENABLED | EDGE | GROUP1);
      first.proof.place(0, modules.proof.EDGE_SOURCE, SPI, 0);
      before(first);
      return words;
    },
    threads: Object.fromEntries(
      Object.entries(bodies).map(([thread, body]) => [thread, (words: Words) => body(view(words))]),
    ),
    finally: (words) => {
      const last = view(words);
      for (const vcpu of [0, 1]) take(vcpu)(last);
      expect(last.proof.violations()).toEqual([]);
      expect(last.proof.isSettled(0)).toBe(true);
    },
    names: (_, byteOffset) => layout.nameOf(byteOffset >>> 2),
  };
}

const signal = ({ proof: noted, interrupts, at }: View) => {
  noted.beginSignal(0, CLOCK);
  interrupts.latch(at, SPI);
};

/** What a vCPU's handlers do, as long as there is something listed. */
const take =
  (vcpu: number): Body =>
  ({ proof: noted, interrupts, at }) => {
    for (;;) {
      const epoch = noted.epoch;
      if (interrupts.best(vcpu, -1) !== SPI) return;
      if (interrupts.take(vcpu, SPI) === 0) continue;
      noted.deliver(noted.ownerOf(SPI), SPI, vcpu, epoch);
      interrupts.deactivate(at, SPI);
      noted.wake(0, 0);
    }
  };

const move =
  (vcpu: number): Body =>
  ({ proof: noted, interrupts, at }) => {
    noted.beginMove(0, SPI, vcpu);
    interrupts.retarget(at, SPI, vcpu);
    noted.endMove(0);
  };

const moving = (...mistakes: readonly MistakeName[]) =>
  scenario(
    'proof-of-moves',
    {
      device: (view) => {
        signal(view);
        signal(view);
      },
      driver: (view) => {
        move(1)(view);
        move(0)(view);
      },
      vcpu0: take(0),
      vcpu1: take(1),
    },
    () => undefined,
    ...mistakes,
  );

/** One signal, one move, and the vCPU that the interrupt leaves. */
const oneMove = (...mistakes: readonly MistakeName[]) =>
  scenario(
    'proof-of-a-move',
    { device: signal, driver: move(1), vcpu0: take(0) },
    () => undefined,
    ...mistakes,
  );

test('the proof never accuses a delivery by a mapping that held at some moment, in any order', () => {
  expect(passesEvery(oneMove()).schedules).toBeGreaterThan(100);
});

test('with two signals, two moves and both vCPUs the proof accuses no delivery by such a mapping: up to one preemption, and 5,000 random schedules', () => {
  passesWithin(moving(), { strategy: 'dfs', preemptions: 1 });
  passesWithin(moving(), { strategy: 'pct', schedules: 5000 });
});

test('a new place that is published before its moment leads to a false accusation', () => {
  isCaught(oneMove('moment-before-new-place: place first'), 'assertion');
});

test('a move that does not say its new place beforehand leads to a false accusation', () => {
  isCaught(oneMove('move-says-where-beforehand: says nothing'), 'assertion');
});

/** Signals, waits for the handler, and settles the account, as a device of the stress does. The first signal is there at the start. */
const rounds = (signals: number, ...mistakes: readonly MistakeName[]) =>
  scenario(
    'proof-of-rounds',
    {
      device: (view) => {
        for (let round = 0; round < 2; round++) {
          for (let n = round === 0 ? 1 : 0; n < signals; n++) signal(view);
          while (!view.proof.awaitSettled(0, 0, Number.POSITIVE_INFINITY));
          view.proof.settle(0);
        }
      },
      vcpu: (view) => {
        const bell = view.interrupts.bell(0);
        while (view.proof.seen(0) < 2 * signals) {
          const ticket = bell.announce();
          // As a vCPU looks after a halt that ended for nothing. The cheap look is true as well while a signal is on its way into the
          // list, and a vCPU that goes by the list alone turns round until it has come.
          if (view.interrupts.best(0, -1) === SPI || view.proof.seen(0) === 2 * signals) bell.withdraw();
          else bell.park(ticket);
          take(0)(view);
        }
      },
    },
    signal,
    ...mistakes,
  );

test('a waiting device is woken, and the proof accuses no late delivery, in any order', () => {
  expect(passesEvery(rounds(1, ONE_PLACE)).schedules).toBeGreaterThan(20);
});

test('with two signals a round a waiting device is woken too: up to one preemption, and 5,000 random schedules', () => {
  passesWithin(rounds(2, ONE_PLACE), { strategy: 'dfs', preemptions: 1 });
  passesWithin(rounds(2, ONE_PLACE), { strategy: 'pct', schedules: 5000 });
});

test('without an allowance for signals on their way the proof accuses a late delivery', () => {
  isCaught(rounds(2, 'allowance-covers-the-way: not covered'), 'assertion');
});

test('a device that names its source after its look is not woken', () => {
  isCaught(rounds(1, 'wait-named-before-look: after the look'), ['orphan-wait', 'lost-wakeup', 'deadlock']);
});

/** An LPI has no active state: while a handler has yet to note its delivery, signals come and other handlers note theirs. */
const overtaken = (...mistakes: readonly MistakeName[]) =>
  scenario(
    'proof-of-an-overtaken-handler',
    {
      slow: ({ proof: noted }) => noted.deliver(0, SPI, 0, noted.epoch),
      others: ({ proof: noted }) => {
        // A delivery for one signal, and then one for five.
        for (const signals of [1, 5]) {
          for (let n = 0; n < signals; n++) noted.beginSignal(0, CLOCK);
          noted.deliver(0, SPI, 0, noted.epoch);
          noted.settle(0);
        }
      },
    },
    ({ proof: noted }) => noted.beginSignal(0, CLOCK),
    ...mistakes,
  );

test('the proof never accuses a handler that others overtake before its delivery is counted', () => {
  expect(passesEvery(overtaken(ONE_PLACE)).schedules).toBeGreaterThan(20);
});

test('a delivery that is judged by earlier signals alone is falsely accused', () => {
  isCaught(overtaken(ONE_PLACE, 'late-handler-is-allowed: of before'), 'assertion');
});

test('a proof that reads the signals before the allowance accuses falsely', () => {
  isCaught(overtaken(ONE_PLACE, 'allowance-before-signals: signals first'), 'assertion');
});

/** A run of two signals, and the signal that covers both. */
const run = (...mistakes: readonly MistakeName[]) =>
  scenario(
    'proof-of-a-run',
    {
      device: (view) => {
        view.proof.beginRun(0, 2);
        for (let n = 0; n < 2; n++) view.interrupts.latch(view.at, SPI);
        signal(view);
      },
      vcpu0: take(0),
    },
    () => undefined,
    ...mistakes,
  );

test('the proof never accuses a run of signals, each of which may be delivered, and sees the last one delivered', () => {
  expect(passesEvery(run(OWN_RUN)).schedules).toBeGreaterThan(20);
});

test('a run that is not noted is falsely accused of deliveries without a signal', () => {
  isCaught(run('run-is-noted-first: not noted'), 'assertion');
});
