/** A GICv4.1's vPE: residency, PendingLast and doorbell under every interleaving, and beside a plain model. */
import { describe, expect, test } from 'vitest';
import type { Intid, VcpuId } from '../../src/arch/intid.ts';
import { Chance } from '../../src/base/chance.ts';
import type { FailureKind, Scenario } from '../../src/explore/index.ts';
import * as theVpe from '../../src/gic/vpe.ts';
import { EVENT_COUNT, EventCount } from '../../src/memory/event-count.ts';
import { Layout } from '../../src/memory/layout.ts';
import { add, load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

const VLPI: Intid = 8192;
const VSGI: Intid = 3;
const LAYOUT = new Layout(0, 0);
const REGIONS = theVpe.vpeRegions(LAYOUT, 'vpe', 32);
const BELL = LAYOUT.place('bell', EVENT_COUNT);
/** How often the hypervisor was told of an interrupt: by a doorbell, or by PendingLast. */
const TOLD = LAYOUT.region('told', 1).at;
const TAKEN = LAYOUT.region('taken', 1).at;
const DOORBELL_AT = LAYOUT.region('doorbellAt', 1).at;

type View = { readonly vpe: theVpe.Vpe; readonly words: Words; readonly bell: EventCount };
type Story = {
  readonly name: string;
  readonly before?: (view: View) => void;
  readonly threads: Readonly<Record<string, (view: View) => void>>;
  readonly finally: (view: View) => void;
};

function scenarioOf(story: Story, ...mistakes: MistakeName[]): Scenario<Words> {
  const { Vpe } =
    mistakes.length === 0 ? theVpe : loadMutated<{ m: typeof theVpe }>({ m: 'gic/vpe.ts' }, ...mistakes).m;
  const viewOf = (words: Words): View => {
    const bell = new EventCount(words, BELL);
    const doorbell = (pe: VcpuId) => {
      add(words, TOLD, 1);
      store(words, DOORBELL_AT, pe);
      bell.signal();
    };
    return { words, bell, vpe: new Vpe(words, REGIONS, { ring: () => bell.signal(), doorbell }) };
  };
  const threads = Object.entries(story.threads).map(([name, run]) => [name, (w: Words) => run(viewOf(w))]);
  return {
    name: story.name,
    setup: () => {
      const words: Words = new Int32Array(new SharedArrayBuffer(LAYOUT.words * 4));
      const view = viewOf(words);
      view.vpe.map(0);
      for (const intid of [VLPI, VSGI]) view.vpe.configure(intid, true);
      story.before?.(view);
      return words;
    },
    threads: Object.fromEntries(threads),
    finally: (words) => story.finally(viewOf(words)),
    names: (_buffer, byteOffset) => LAYOUT.nameOf(byteOffset / 4),
  };
}

/** The hypervisor: takes its vPE off the PE, sleeps until it is told, makes it resident again; its guest takes `count` interrupts. */
function blockAndRun({ vpe, words, bell }: View, count: number): void {
  if (vpe.leave(true)) add(words, TOLD, 1);
  for (;;) {
    const ticket = bell.announce();
    if (load(words, TOLD) !== 0) break;
    bell.park(ticket);
  }
  bell.withdraw();
  vpe.enter(0);
  while (load(words, TAKEN) < count) {
    const ticket = bell.announce();
    if (vpe.take() < 0) bell.park(ticket);
    else {
      bell.withdraw();
      add(words, TAKEN, 1);
    }
  }
}

const LOSSES: readonly FailureKind[] = ['lost-wakeup', 'missed-notify', 'orphan-wait', 'deadlock'];

describe('an interrupt of a vPE that leaves its PE', () => {
  const story: Story = {
    name: 'vlpi-against-leave',
    before: ({ vpe }) => void vpe.enter(0),
    threads: { device: ({ vpe }) => vpe.signal(VLPI), host: (view) => blockAndRun(view, 1) },
    finally: ({ words }) => {
      expect(load(words, TOLD), 'doorbells and PendingLast').toBe(1);
    },
  };

  test('is never lost, and the hypervisor is told once, whatever the order', () => {
    expect(passesEvery(scenarioOf(story)).schedules).toBeGreaterThan(3);
  });

  test.each([
    'vpe-leaves-before-look: looks first',
    'vpe-looks-when-left: not looked for',
    'pending-before-residency: asks first',
  ] as const)('is lost with %s', (mistake) => {
    isCaught(scenarioOf(story, mistake), LOSSES);
  });

  test('is told of twice where PendingLast leaves the doorbell armed', () => {
    const second: Story = {
      ...story,
      name: 'vlpi-behind-pending-last',
      threads: {
        ...story.threads,
        host: ({ vpe, words }) => {
          if (vpe.leave(true)) add(words, TOLD, 1);
        },
      },
    };
    passesEvery(scenarioOf(second));
    isCaught(scenarioOf(second, 'pending-last-takes-doorbell: left armed'), 'assertion');
  });
});

describe('a vLPI and a vSGI at the same time', () => {
  const both: Story = {
    name: 'vlpi-and-vsgi-against-leave',
    before: ({ vpe }) => void vpe.enter(0),
    threads: {
      device: ({ vpe }) => vpe.signal(VLPI),
      peer: ({ vpe }) => vpe.signal(VSGI),
      host: (view) => blockAndRun(view, 2),
    },
    finally: ({ words }) => {
      expect(load(words, TOLD), 'doorbells and PendingLast').toBe(1);
    },
  };

  test('are both taken, and the hypervisor is told once', () => {
    passesEvery(scenarioOf(both));
  });

  test('ring two doorbells where the doorbell is taken in two steps', () => {
    const left: Story = {
      name: 'two-doorbells',
      before: ({ vpe }) => {
        vpe.enter(0);
        vpe.leave(true);
      },
      threads: { device: ({ vpe }) => vpe.signal(VLPI), peer: ({ vpe }) => vpe.signal(VSGI) },
      finally: ({ words }) => {
        expect(load(words, TOLD), 'doorbells').toBe(1);
      },
    };
    passesEvery(scenarioOf(left));
    isCaught(scenarioOf(left, 'doorbell-rings-once: in two steps'), 'assertion');
  });
});

describe('a vLPI that is enabled while it comes', () => {
  const story: Story = {
    name: 'vlpi-against-enable',
    before: ({ vpe }) => {
      vpe.configure(VLPI, false);
      vpe.enter(0);
      vpe.leave(true);
    },
    threads: { device: ({ vpe }) => vpe.signal(VLPI), driver: ({ vpe }) => vpe.configure(VLPI, true) },
    finally: ({ words }) => {
      expect(load(words, TOLD), 'doorbells').toBe(1);
    },
  };

  test('rings the doorbell once, whichever comes first', () => {
    passesEvery(scenarioOf(story));
  });

  test('rings none where the driver asks for what is pending before it enables', () => {
    isCaught(scenarioOf(story, 'enabled-before-pending-look: asks first'), 'assertion');
  });
});

describe('a vPE that is moved while an interrupt comes', () => {
  test('rings one doorbell, at the PE before or at the PE behind the VMOVP', () => {
    const story: Story = {
      name: 'vlpi-against-vmovp',
      before: ({ vpe }) => {
        vpe.enter(0);
        vpe.leave(true);
      },
      threads: { device: ({ vpe }) => vpe.signal(VLPI), host: ({ vpe }) => void vpe.move(1) },
      finally: ({ words, vpe }) => {
        expect(load(words, TOLD)).toBe(1);
        expect([0, 1]).toContain(load(words, DOORBELL_AT));
        // The next residency and the next doorbell are at the new PE.
        vpe.take();
        vpe.enter(1);
        vpe.leave(true);
        vpe.signal(VSGI);
        expect(load(words, DOORBELL_AT)).toBe(1);
      },
    };
    passesEvery(scenarioOf(story));
  });
});

/** A vPE by the words of the architecture, without a word of shared memory. */
class PlainVpe {
  mapped = false;
  resident = false;
  armed = false;
  pe = 0;
  readonly pending = new Set<Intid>();
  readonly enabled = new Set<Intid>();
  readonly calls: string[] = [];

  get first(): Intid {
    return Math.min(
      ...[...this.pending].filter((intid) => this.enabled.has(intid)),
      Number.POSITIVE_INFINITY,
    );
  }

  announce(intid: Intid): void {
    if (!this.pending.has(intid) || !this.enabled.has(intid)) return;
    if (this.resident) this.calls.push(`ring ${this.pe}`);
    else if (this.armed) this.calls.push(`doorbell ${this.pe}`);
    this.armed = false;
  }
}

/** Carries out one operation on both, and returns what each answered. */
function step(chance: Chance, vpe: theVpe.Vpe, plain: PlainVpe): [unknown, unknown] {
  const intid = [VLPI, VLPI + 31, VSGI, 0, 15][chance.below(5)] ?? VLPI;
  const pe = chance.below(3);
  const isIdle = plain.mapped && !plain.resident;
  switch (chance.below(8)) {
    case 0:
      vpe.signal(intid);
      plain.pending.add(intid);
      plain.announce(intid);
      return [0, 0];
    case 1: {
      const enable = chance.below(3) > 0;
      vpe.configure(intid, enable);
      if (enable) plain.enabled.add(intid);
      else plain.enabled.delete(intid);
      plain.announce(intid);
      return [0, 0];
    }
    case 2:
      vpe.clear(intid);
      plain.pending.delete(intid);
      return [vpe.isPending(intid), false];
    case 3: {
      if (isIdle) Object.assign(plain, { pe, resident: true, armed: false });
      return [vpe.enter(pe), isIdle];
    }
    case 4: {
      if (!plain.resident) return [0, 0];
      const isPending = plain.first !== Number.POSITIVE_INFINITY;
      const arm = chance.below(2) === 1;
      Object.assign(plain, { resident: false, armed: arm && !isPending });
      return [vpe.leave(arm), isPending];
    }
    case 5: {
      if (!plain.resident) return [0, 0];
      const { first } = plain;
      plain.pending.delete(first);
      return [vpe.take(), first === Number.POSITIVE_INFINITY ? -1 : first];
    }
    case 6:
      if (isIdle) plain.pe = pe;
      return [vpe.move(pe), isIdle];
    default: {
      if (plain.mapped && chance.below(4) > 0) return [vpe.isMapped, true];
      if (plain.mapped) {
        if (isIdle) Object.assign(plain, { mapped: false, armed: false });
        return [vpe.unmap(), isIdle];
      }
      vpe.map(pe);
      plain.pending.clear();
      plain.enabled.clear();
      Object.assign(plain, { mapped: true, resident: false, armed: false, pe });
      return [vpe.isMapped, true];
    }
  }
}

function sequence(seed: number, Vpe: typeof theVpe.Vpe): string | undefined {
  const chance = new Chance(seed);
  const plain = new PlainVpe();
  const calls: string[] = [];
  const words: Words = new Int32Array(new SharedArrayBuffer(LAYOUT.words * 4));
  const vpe = new Vpe(words, REGIONS, {
    ring: (pe) => calls.push(`ring ${pe}`),
    doorbell: (pe) => calls.push(`doorbell ${pe}`),
  });
  for (let at = 0; at < 60; at++) {
    const [answer, wanted] = step(chance, vpe, plain);
    if (answer !== wanted) return `seed ${seed}, step ${at}: ${answer}, not ${wanted}`;
    if (calls.join() !== plain.calls.join()) return `seed ${seed}, step ${at}: ${calls}, not ${plain.calls}`;
  }
  return undefined;
}

describe('a vPE beside a plain model', () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);

  test('answers as the model does, in any sequence of operations', () => {
    expect(seeds.map((seed) => sequence(seed, theVpe.Vpe)).filter((wrong) => wrong !== undefined)).toEqual(
      [],
    );
  });

  test('does not where a vPE that has ended is moved', () => {
    const { m } = loadMutated<{ m: typeof theVpe }>(
      { m: 'gic/vpe.ts' },
      'dying-vpe-stays: moved all the same',
    );
    expect(seeds.some((seed) => sequence(seed, m.Vpe) !== undefined)).toBe(true);
  });
});
