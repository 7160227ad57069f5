/** Lines, messages and EOIs against each other, under every interleaving; and the same with one line of the code broken. */
import { describe, expect, test } from 'vitest';
import type { Apic } from '../../src/apic/apic.ts';
import * as theApic from '../../src/apic/apic.ts';
import { msiTarget } from '../../src/apic/message.ts';
import type { Scenario } from '../../src/explore/index.ts';
import { Layout } from '../../src/memory/layout.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';
import { LEVEL, program, REMOTE } from './rig.ts';

const VECTOR = 0x41;
const PIN = 5;
const OTHER_PIN = 6;

type Module = Pick<typeof theApic, 'Apic' | 'apicRegions'>;
type View = { readonly apic: Apic; readonly words: Words; readonly free: number };
type Story = {
  readonly name: string;
  /** Before the threads start. */
  readonly before?: (view: View) => void;
  readonly threads: Readonly<Record<string, (view: View) => void>>;
  readonly finally: (view: View) => void;
  /** What the end of a watched pin does, in the thread that ends it. */
  readonly pinEnded?: (view: View, pin: number) => void;
};

const LAYOUT = new Layout(0, 0);
const REGIONS = theApic.apicRegions(LAYOUT, 1);
const FREE = LAYOUT.region('free', 4).at;

function scenarioOf(story: Story, ...mistakes: MistakeName[]): Scenario<Words> {
  const module: Module =
    mistakes.length === 0
      ? theApic
      : loadMutated<{ apic: Module }>({ apic: 'apic/apic.ts' }, ...mistakes).apic;
  const viewOf = (words: Words): View => {
    const view: View = {
      words,
      free: FREE,
      apic: new module.Apic(words, REGIONS, { pinEnded: (pin) => story.pinEnded?.(view, pin) }),
    };
    return view;
  };
  const threads = Object.entries(story.threads).map(([name, run]) => [name, (w: Words) => run(viewOf(w))]);
  return {
    name: story.name,
    setup: () => {
      const words: Words = new Int32Array(new SharedArrayBuffer(LAYOUT.words * 4));
      const view = viewOf(words);
      view.apic.reset();
      view.apic.cpu(0).enable();
      story.before?.(view);
      return words;
    },
    threads: Object.fromEntries(threads),
    finally: (words) => story.finally(viewOf(words)),
    names: (_buffer, byteOffset) => LAYOUT.nameOf(byteOffset / 4),
  };
}

/** How often the vector was requested and not ended: in service, and requested behind that. */
const underWay = ({ apic }: View) =>
  Number(apic.cpu(0).isInService(VECTOR)) + Number(apic.cpu(0).isRequested(VECTOR));
const hasRemoteIrr = ({ apic }: View) => (apic.ioapic.entry(PIN) & REMOTE) !== 0;

/** A level that was delivered and acknowledged, and whose device has lowered it since: what is left is the EOI. */
function inService({ apic }: View): void {
  program(apic, PIN, VECTOR + LEVEL);
  apic.ioapic.drive(PIN, true, 0);
  expect(apic.cpu(0).acknowledge()).toBe(VECTOR);
  apic.ioapic.drive(PIN, false, 0);
}

describe('a level that is raised while its vector ends', () => {
  const story: Story = {
    name: 'raise-against-eoi',
    before: inService,
    threads: {
      device: ({ apic }) => void apic.ioapic.drive(PIN, true, 0),
      vcpu: ({ apic }) => void apic.endOfInterrupt(0),
    },
    finally: (view) => {
      expect(underWay(view), 'deliveries of one level').toBe(1);
      expect(hasRemoteIrr(view), 'remote IRR of a level that was delivered').toBe(true);
    },
  };
  /** The vCPU takes the vector again, so that a delivery too many does not coalesce with the first. */
  const again = (view: View) => {
    view.apic.endOfInterrupt(0);
    view.apic.cpu(0).acknowledge();
  };
  const pair: Story = {
    ...story,
    name: 'raise-against-eoi-and-take',
    threads: { ...story.threads, vcpu: again },
  };
  /** Two sources of one line. */
  const shared: Story = {
    ...pair,
    name: 'two-raise-against-eoi',
    threads: { ...pair.threads, other: ({ apic }) => void apic.ioapic.drive(PIN, true, 1) },
  };
  /** The vCPU takes what comes, and ends it while the line is up: each EOI makes one delivery. */
  const taken: Story = {
    ...story,
    name: 'raise-against-two-eois',
    threads: {
      ...story.threads,
      vcpu: (view) => {
        view.apic.endOfInterrupt(0);
        if (view.apic.cpu(0).acknowledge() !== VECTOR) return;
        store(view.words, view.free, 1);
        view.apic.endOfInterrupt(0);
      },
    },
    finally: (view) => {
      expect(underWay(view), 'deliveries since the last EOI').toBe(1);
      expect(hasRemoteIrr(view)).toBe(true);
      expect(view.apic.cpu(0).isInService(VECTOR)).toBe(false);
    },
  };

  test.each([story, pair, shared, taken])('is delivered once, whatever the order: $name', (of) => {
    expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(1);
  });

  test.each([
    {
      title: 'an EOI that does not look at the line',
      of: story,
      mistake: 'rearm-sends-line-up: not delivered',
    },
    {
      title: 'a delivery that does not look at remote IRR',
      of: shared,
      mistake: 'remote-irr-holds-level: delivered again',
    },
    {
      title: 'an EOI that looks at the line before it clears remote IRR',
      of: story,
      mistake: 'rearm-looks-under-lock: looks first',
    },
    {
      title: 'a line that is driven without the lock',
      of: pair,
      mistake: 'line-driven-under-lock: without the lock',
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(scenarioOf(of, mistake), 'assertion');
  });
});

describe('a level whose end is passed on', () => {
  /** As a resampler: the line drops, and the device, which still has something to say, raises it again. */
  const story: Story = {
    name: 'resample-against-other-source',
    before: (view) => {
      program(view.apic, PIN, VECTOR + LEVEL);
      view.apic.ioapic.watch(PIN);
      view.apic.ioapic.drive(PIN, true, 1);
      expect(view.apic.cpu(0).acknowledge()).toBe(VECTOR);
    },
    pinEnded: (view, pin) => {
      view.apic.ioapic.drive(pin, false, 1);
      store(view.words, view.free, load(view.words, view.free) + 1);
    },
    threads: {
      vcpu: ({ apic }) => void apic.endOfInterrupt(0),
      // Another source of the line, that userland drives.
      userland: ({ apic }) => void apic.ioapic.drive(PIN, true, 0),
    },
    finally: (view) => {
      expect(load(view.words, view.free), 'ends that were passed on').toBe(1);
      expect(underWay(view), 'deliveries of the level of userland').toBe(1);
    },
  };
  /** No device raises it again. */
  const silent: Story = {
    ...story,
    name: 'resample-against-message',
    threads: {
      vcpu: ({ apic }) => void apic.endOfInterrupt(0),
      // A pin beside it, under the same lock.
      device: ({ apic }) => void apic.ioapic.drive(OTHER_PIN, true, 0),
    },
    finally: (view) => {
      expect(load(view.words, view.free)).toBe(1);
      expect(underWay(view), 'deliveries of a line that is down').toBe(0);
      expect(hasRemoteIrr(view)).toBe(false);
    },
  };

  test.each([story, silent])(
    'is delivered again if and only if the line is up, whatever the order: $name',
    (of) => {
      expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(1);
    },
  );

  test('an end that is passed on after the pin may be delivered again delivers a line that is down', () => {
    isCaught(scenarioOf(silent, 'end-passed-on-before-rearm: passed on afterwards'), 'assertion');
  });
});

describe('a level that is unmasked while it is raised', () => {
  const story: Story = {
    name: 'raise-against-unmask',
    before: ({ apic }) => program(apic, PIN, VECTOR + LEVEL + 0x1_0000),
    threads: {
      device: ({ apic }) => void apic.ioapic.drive(PIN, true, 0),
      guest: ({ apic }) => program(apic, PIN, VECTOR + LEVEL),
    },
    finally: (view) => {
      expect(underWay(view)).toBe(1);
      expect(hasRemoteIrr(view)).toBe(true);
    },
  };

  test('is delivered once, whatever the order', () => {
    expect(passesEvery(scenarioOf(story)).schedules).toBeGreaterThan(1);
  });

  test('an unmasking that does not look at the line loses the level', () => {
    isCaught(scenarioOf(story, 'unmask-sends-line-up: not delivered'), 'assertion');
  });
});

describe('a vector that comes while its vCPU goes to sleep', () => {
  const take = (view: View) => {
    const apic = view.apic.cpu(0);
    for (;;) {
      const vector = apic.acknowledge();
      if (vector === VECTOR) return;
      apic.halt();
    }
  };
  const story: Story = {
    name: 'message-against-halt',
    threads: { device: ({ apic }) => void apic.cpu(0).accept(VECTOR, false), vcpu: take },
    finally: (view) => expect(underWay(view)).toBe(1),
  };

  test('is taken, whatever the order', () => {
    expect(passesEvery(scenarioOf(story)).schedules).toBeGreaterThan(1);
  });

  test.each([
    {
      title: 'a bell that is rung before the vector is requested',
      mistake: 'bell-after-request: rung first',
    },
    {
      title: 'a vCPU that announces its sleep after its look',
      mistake: 'sleep-announced-before-look: after its look',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(scenarioOf(story, mistake), ['lost-wakeup', 'orphan-wait', 'missed-notify', 'deadlock']);
  });

  /** The trigger mode is there before the vector can be taken: else the EOI is not broadcast. */
  const levels: Story = {
    name: 'level-message-against-take',
    before: (view) => {
      // Remote IRR is set, and the vector is in service no more: only the end of the message can clear it.
      inService(view);
      view.apic.cpu(0).retire();
      // The last message of this vector was an edge.
      view.apic.cpu(0).accept(VECTOR, false);
      view.apic.cpu(0).acknowledge();
      view.apic.cpu(0).retire();
    },
    threads: {
      device: ({ apic }) => void apic.message(msiTarget(0xfee0_0000), VECTOR + LEVEL),
      vcpu: (view) => {
        take(view);
        view.apic.endOfInterrupt(0);
      },
    },
    finally: (view) => {
      expect(underWay(view)).toBe(0);
      expect(hasRemoteIrr(view), 'remote IRR after the end of a level').toBe(false);
    },
  };

  test('clears remote IRR when it ends and is a level, whatever the order', () => {
    expect(passesEvery(scenarioOf(levels)).schedules).toBeGreaterThan(1);
  });

  test('a trigger mode that is noted after the request leaves remote IRR set', () => {
    isCaught(scenarioOf(levels, 'trigger-before-request: noted afterwards'), 'assertion');
  });
});
