import type { Intid } from '../arch/intid.ts';
import { AbstractLock } from '../explore/telling/abstract-lock.ts';
import { NONE } from '../gic/interrupts.ts';
import { prune } from '../gic/queueing.ts';
import { TARGET, TARGET_SHIFT } from '../gic/state.ts';
import { type Handle, NO_HANDLE, Slots, slotsWords } from '../memory/slots.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import {
  machineOf,
  mapDevices,
  mapEvent,
  onMachine,
  type Shared,
  type SmallMachine,
  takeNext,
} from './on-machine.ts';
import { requireBalance, requireDelivered, requireSingleMembership } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({
  list0: 1,
  ite: 1,
  references: 1,
  target: 1,
  lock0: 1,
  slots: slotsWords(1),
});
const SLOTS = 'LPI record';
const LPI: Intid = 8192;

/** Drops the reference that a list or a mapping held. */
function put(words: Words, record: Handle): void {
  if (record !== NO_HANDLE && add(words, at.references, -1) === 1)
    new Slots(words, regions.slots, SLOTS).retire(record);
}

/**
 * MAPTI: an LPI that still waits on a list keeps its record (KVM: the reference of the list); any other LPI
 * begins anew.
 */
function mapAnew({ gic }: SmallMachine): void {
  if (!gic.lpis.map(LPI)) return;
  gic.lpis.retarget(LPI, 0);
  gic.lpis.configure(LPI, gic.lpis.configByte(LPI) ?? 0);
}

/** The LPI is mapped once, and the next signal is delivered once, by the vCPU that the LPI goes to. */
function requireAlive({ gic }: SmallMachine): void {
  const { lpis, interrupts } = gic;
  for (const vcpu of [0, 1, 0]) while (takeNext(interrupts, vcpu) !== NONE);
  requireBalance(lpis.mappings(LPI), 1, `LPI ${LPI}`);
  lpis.latch(LPI);
  const target = lpis.targetOf(LPI);
  const takenBy = [0, 1, 0, 1].filter((vcpu) => takeNext(interrupts, vcpu) === LPI);
  requireDelivered(1, takenBy.includes(target) ? 1 : 0);
  requireSingleMembership(takenBy);
}

export const freedWhilePruned = defineRace<Words, Shared>({
  number: 30,
  slug: 'freed-while-pruned',
  title: 'both locks are dropped to take them in order, and the interrupt is freed in between',
  component: 'vGIC pending list, GICR_CTLR.EnableLPIs',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'command:discard | vcpu:look vcpu:unlock ! redistributor:flush redistributor:put | vcpu:migrate',
  steps: {
    'command:discard': ['add references', 'add lpis.mappings[0]'],
    'vcpu:look': ['load target', 'load lpi[0]'],
    'vcpu:unlock': ['unlock lock0', 'load vcpu0.listed'],
    'redistributor:flush': ['exchange list0', 'load vcpu0.listed'],
    'redistributor:put': ['rest', undefined],
    'vcpu:migrate': ['rest', 'rest'],
  },
  reference:
    'CVE-2026-72288; Linux 7258770e5814, "KVM: arm64: vgic: Handle race between interrupt affinity change and LPI disabling".',
  story:
    "A vCPU prunes its list, and finds an LPI that a command has moved to another vCPU. To move the LPI, the vCPU needs the locks of both lists, and drops its own to take them in order. Meanwhile a third vCPU turns the LPIs of the first off: that empties the list, and drops the list's reference, which is the last one if the LPI was unmapped too. The first vCPU takes both locks and goes on with an interrupt that has been freed.",
  fix: 'in the machine an LPI is a word at a fixed place, and a list holds an INTID: the vCPU looks at that word after it has taken the LPI off its list, and acts on that look alone. KVM takes a reference of its own before it drops the locks, and gives up moving what is pending',
  lesson:
    'A lock that is dropped and taken again protects nothing in between. Hold a reference across the gap, and look at everything again behind it.',
  buggy: {
    ...memory({ target: 1, references: 2 }, (words) => {
      const slots = new Slots(words, regions.slots, SLOTS);
      slots.init();
      const record = slots.take();
      store(words, at.list0, record);
      store(words, at.ite, record);
    }),
    threads: {
      vcpu(words) {
        const lock = new AbstractLock(words, at.lock0);
        lock.lock();
        const record = load(words, at.list0) as Handle;
        const hasMoved = record !== NO_HANDLE && load(words, at.target) === 1;
        lock.unlock();
        if (!hasMoved) return;
        lock.lock();
        new Slots(words, regions.slots, SLOTS).use(record);
        lock.unlock();
      },
      command: (words) => put(words, exchange(words, at.ite, NO_HANDLE) as Handle),
      redistributor(words) {
        const lock = new AbstractLock(words, at.lock0);
        lock.lock();
        const record = exchange(words, at.list0, NO_HANDLE) as Handle;
        lock.unlock();
        put(words, record);
      },
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 1, LPI);
        const { lpis, interrupts } = machine.gic;
        lpis.latch(LPI);
        // Moved to vCPU 1, and still on the list of vCPU 0.
        interrupts.amend(interrupts.find(0, LPI), TARGET, 1 << TARGET_SHIFT);
      },
      { vcpus: 2 },
    ),
    threads: {
      vcpu: (shared) => prune(machineOf(shared, 1).gic.interrupts, 0),
      command(shared) {
        const machine = machineOf(shared, 3);
        machine.gic.lpis.unmap(LPI);
        mapAnew(machine);
      },
      redistributor: (shared) => machineOf(shared, 4).gic.lpis.forget(0),
    },
    finally: (shared) => requireAlive(machineOf(shared, 0)),
  },
});
