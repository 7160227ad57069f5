/** List registers: entry and exit of a guest against threads that signal, move and disable, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Intid } from '../../../src/arch/intid.ts';
import { gicd } from '../../../src/arch/registers.ts';
import { ENABLED, LATCH, LOADED, targetOf } from '../../../src/gic/state.ts';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
import type { MistakeName } from '../../guards/index.ts';
import { LPI, MAPD, mapc, mapti, onMachine, SPI, type Story, type View } from './rig.ts';

const OTHER: Intid = SPI + 1;
const latch = (view: View, intid: Intid, source = intid >= LPI ? intid - LPI : intid - SPI) =>
  view.signal(source, () => void view.interrupts.latch(view.interrupts.find(0, intid), intid));

/** An interrupt that is signalled and then loaded, because vCPU 0 enters its guest. */
const loads = (intid: Intid) => (view: View) => {
  latch(view, intid);
  view.enter(0);
};

const LOSSES = ['stuck-spin', 'lost-wakeup', 'orphan-wait', 'livelock', 'deadlock', 'assertion'] as const;

/** Each interrupt is on one list at most, and no list register holds one any more. */
function isOnOneList(view: View): void {
  for (const intid of [SPI, OTHER, LPI]) {
    const { interrupts } = view;
    const lists = Array.from({ length: interrupts.vcpus }, (_, vcpu) => interrupts.isListed(vcpu, intid));
    expect(lists.filter(Boolean).length, `lists that hold INTID ${intid}`).toBeLessThanOrEqual(1);
    expect(interrupts.state(interrupts.find(0, intid)) & LOADED, `INTID ${intid} is loaded`).toBe(0);
  }
}

describe('a fold against a thread that queues', () => {
  /** The SPI is in a list register, untaken, when the guest is left; it is signalled again meanwhile. */
  const fold: Story = {
    name: 'fold-against-queue',
    listRegisters: 1,
    before: loads(SPI),
    threads: {
      device: (view) => latch(view, SPI),
      vcpu: (view) => {
        view.leave(0);
        view.drain(0);
      },
    },
    finally: isOnOneList,
  };

  test('loses no edge and keeps one list, whatever the order', () => {
    expect(passesEvery(onMachine(fold)).schedules).toBeGreaterThan(5);
  });

  /** The guest is left for another reason, and no edge comes meanwhile. */
  const kicked: Story = {
    ...fold,
    name: 'fold-of-untaken',
    threads: { other: (view) => view.interrupts.ring(0), vcpu: (view) => void view.drain(0) },
  };

  test('loses one where the latch does not go back', () => {
    passesEvery(onMachine(kicked));
    isCaught(onMachine(kicked, 'fold-keeps-latch: the latch is dropped'), LOSSES);
  });

  /** The guest has taken the SPI when it is left, and the device signals the next edge. */
  const taken: Story = {
    name: 'fold-of-active-against-queue',
    listRegisters: 1,
    before: (view) => latch(view, SPI),
    threads: {
      device: (view) => latch(view, SPI),
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        view.deliver(cpu.acknowledge());
        view.leave(0);
        cpu.endOfInterrupt(SPI);
        view.drain(0, 8, cpu);
      },
    },
    finally: isOnOneList,
  };

  test('loses no edge that comes while the interrupt is active', () => {
    expect(passesEvery(onMachine(taken)).schedules).toBeGreaterThan(10);
  });

  test('loses one where a fold takes two steps', () => {
    isCaught(onMachine(taken, 'fold-is-one-step: in two steps'), LOSSES);
  });

  test('delivers one twice where the latch stays behind at entry', () => {
    isCaught(onMachine(fold, 'latch-moves-into-register: stays latched'), LOSSES);
  });
});

describe('an entry against a thread that queues', () => {
  const entry: Story = {
    name: 'entry-against-queue',
    listRegisters: 1,
    threads: {
      device: (view) => latch(view, SPI),
      vcpu: (view) => {
        view.enter(0);
        // Long after: the guest runs on, and looks at its list registers alone.
        const cpu = view.makeCpu(0);
        while (view.seen(0) === view.sent(0) && view.sent(0) === 0) view.enter(0);
        for (let intid = cpu.acknowledge(); view.delivered(0) === 0; intid = cpu.acknowledge()) {
          if (intid === 1023) continue;
          view.deliver(intid);
          cpu.endOfInterrupt(intid);
        }
      },
    },
  };

  test('finds what is queued, however late the ring is', () => {
    passesEvery(onMachine(entry));
  });

  test.each(['ring-kicks-guest: not kicked', 'kick-taken-before-list: taken behind the list'] as const)(
    'runs for ever without it with %s',
    (mistake: MistakeName) => {
      isCaught(onMachine(entry, mistake), LOSSES);
    },
  );
});

describe('an LPI in a list register', () => {
  const commands = [MAPD, mapc(0), mapc(1), mapti(0, LPI)];

  /** MOVI moves the LPI while vCPU 0 has it in a list register; a signal comes behind the MOVI. */
  const moved: Story = {
    name: 'loaded-lpi-moves',
    vcpus: 2,
    listRegisters: 1,
    commands,
    before: loads(LPI),
    threads: {
      mover: (view) => {
        view.gic.lpis.retarget(LPI, 1);
        latch(view, LPI);
      },
      vcpu: (view) => void view.drain(0),
    },
    finally: (view) => {
      isOnOneList(view);
      expect(targetOf(view.interrupts.state(view.interrupts.find(0, LPI)))).toBe(1);
    },
  };

  test('goes to its new vCPU when the old one has left its guest, with every edge', () => {
    expect(passesEvery(onMachine(moved)).schedules).toBeGreaterThan(10);
  });

  test('is on two lists, or lost, where its target changes at once', () => {
    isCaught(onMachine(moved, 'loaded-interrupt-keeps-target: changes at once'), LOSSES);
  });

  /** It is moved twice while its vCPU leaves the guest: the last target counts. */
  const movedTwice: Story = {
    ...moved,
    name: 'loaded-lpi-moves-twice',
    threads: {
      mover: (view) => {
        view.gic.lpis.retarget(LPI, 1);
        view.gic.lpis.retarget(LPI, 0);
        view.gic.lpis.retarget(LPI, 1);
      },
      vcpu: (view) => view.leave(0),
    },
  };

  test('goes where the last of several moves sent it', () => {
    passesEvery(onMachine(movedTwice));
  });

  test('goes astray where moves are not counted', () => {
    isCaught(onMachine(movedTwice, 'reroutes-are-counted: not counted'), LOSSES);
  });

  /** The redistributor turns LPIs off while vCPU 0 has one in a list register: afterwards the guest must not take it. */
  const off: Story = {
    name: 'loaded-lpi-turned-off',
    vcpus: 2,
    listRegisters: 1,
    commands,
    before: loads(LPI),
    threads: {
      other: (view) => {
        view.gic.lpis.forget(0);
        const before = view.delivered(0);
        expect(view.interrupts.state(view.interrupts.find(0, LPI)) & (LOADED | LATCH)).toBe(0);
        view.drain(0);
        expect(view.delivered(0), 'deliveries after LPIs were turned off').toBe(before);
      },
    },
    finally: isOnOneList,
    sources: [],
  };

  test('is not taken once LPIs are off', () => {
    passesEvery(onMachine(off));
  });

  /** vCPU 0 leaves its guest, and folds the LPI back, while the redistributor turns LPIs off. */
  const offAtExit: Story = {
    ...off,
    name: 'loaded-lpi-turned-off-at-exit',
    threads: {
      other: (view) => view.gic.lpis.forget(0),
      vcpu: (view) => view.leave(0),
    },
    finally: (view) => {
      isOnOneList(view);
      expect(view.delivered(0), 'deliveries after LPIs were turned off').toBe(0);
    },
  };

  test('is pending no longer once LPIs are off, though its guest is left at the same time', () => {
    passesEvery(onMachine(offAtExit));
  });

  test('is pending again where its latch is forgotten before its list register', () => {
    isCaught(onMachine(offAtExit, 'forgotten-in-one-step: the latch first'), LOSSES);
  });

  /**
   * While vCPU 0 fills its list registers, the redistributor turns LPIs off, and a signal after that lists the LPI a second time:
   * the walk over the list meets the LPI twice.
   */
  const offAtEntry: Story = {
    name: 'listed-lpi-turned-off-at-entry',
    vcpus: 2,
    listRegisters: 2,
    commands,
    before: (view) => latch(view, LPI),
    threads: {
      other: (view) => {
        view.gic.lpis.forget(0);
        store(view.words, view.free, 1);
        latch(view, LPI);
      },
      vcpu: (view) => {
        view.enter(0);
        const isForgotten = load(view.words, view.free) !== 0;
        const taken = view.drain(0);
        if (isForgotten)
          expect(taken.length, 'deliveries of the one signal after LPIs were off').toBeLessThan(2);
      },
    },
    finally: isOnOneList,
  };

  test('is in one list register, though it is turned off and signalled while its guest is entered', () => {
    expect(passesEvery(onMachine(offAtEntry)).schedules).toBeGreaterThan(10);
  });

  test('is delivered twice where an entry does not look whether a list register holds the LPI', () => {
    const again = onMachine(offAtEntry, 'lpi-is-loaded-once: loaded again');
    isCaught(again, 'assertion', { strategy: 'dpor', schedules: 50_000 });
  });

  test('is taken all the same by an acknowledge that does not look at the state', () => {
    isCaught(onMachine(off, 'acknowledge-looks-again: never'), LOSSES);
  });
});

describe('an SPI in a list register', () => {
  /** The distributor is off while vCPU 0 leaves its guest; it is turned on, and the device signals anew. */
  const on: Story = {
    name: 'exit-against-distributor-on',
    listRegisters: 1,
    before: (view) => {
      latch(view, SPI);
      view.enter(0);
      view.interrupts.setForwarding(0);
    },
    threads: {
      driver: (view) => {
        view.gic.distributor.write(gicd.CTLR, 4, 2n);
        latch(view, SPI);
      },
      vcpu: (view) => view.leave(0),
    },
    finally: isOnOneList,
  };

  test('is delivered when it comes behind the write that turns the distributor on', () => {
    passesEvery(onMachine(on));
  });

  test('is held back for good by a vCPU that looks at the distributor once', () => {
    isCaught(onMachine(on, 'prune-looks-at-distributor-again: looks once'), LOSSES);
  });

  test('is not taken once ICENABLER has disabled it, and is pending again when the guest is left', () => {
    const disabled: Story = {
      name: 'loaded-spi-disabled',
      listRegisters: 1,
      before: loads(SPI),
      threads: {
        other: (view) => view.interrupts.amend(view.interrupts.find(0, SPI), ENABLED, 0),
        vcpu: (view) => void view.drain(0),
      },
      finally: (view) => {
        const at = view.interrupts.find(0, SPI);
        expect(view.interrupts.state(at) & LATCH).toBe(view.delivered(0) === 0 ? LATCH : 0);
        view.interrupts.change(at, SPI, 0, ENABLED);
        view.settle();
        expect(view.delivered(0)).toBe(1);
      },
    };
    passesEvery(onMachine(disabled));
  });

  /** Two SPIs and one list register: the second is loaded when the first has been taken. */
  test('makes room for another that waits, whatever the order', () => {
    const overflow: Story = {
      name: 'one-list-register-for-two',
      listRegisters: 1,
      threads: {
        device: (view) => latch(view, SPI),
        other: (view) => latch(view, OTHER),
        vcpu: (view) => void view.drain(0),
      },
      sources: [0, 1],
      finally: isOnOneList,
    };
    passesEvery(onMachine(overflow), { strategy: 'dfs', preemptions: 1 });
  });
});
