import type { Intid } from '../arch/intid.ts';
import { ACTIVE, GROUP1 } from '../gic/state.ts';
import { type Handle, NO_HANDLE, Slots, slotsWords } from '../memory/slots.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import {
  enableSpi,
  machineOf,
  mapDevices,
  mapEvent,
  onMachine,
  type Shared,
  stateOf,
  takeNext,
} from './on-machine.ts';
import { requireExplained, requireNoStrandedWork, requireReady } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ list0: 1, lastLr: 1, slots: slotsWords(1) });
const SLOTS = 'LPI record';
const LPI: Intid = 8192;
const SPI: Intid = 40;

export const lastLrWithoutReference = defineRace<Words, Shared>({
  number: 32,
  slug: 'last-lr-without-reference',
  title: 'the exit resumes at the last interrupt of a list register, which is gone',
  component: 'list registers, GICR_CTLR.EnableLPIs',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'vcpu:flush vcpu:enter ! redistributor:flush redistributor:put | vcpu:fold',
  steps: {
    'vcpu:flush': ['load list0', 'load lpi[0]'],
    'vcpu:enter': ['store lastLr', 'compareExchange lpi[0]'],
    'redistributor:flush': ['exchange list0', 'rest'],
    'redistributor:put': ['rest', undefined],
    'vcpu:fold': ['rest', 'rest'],
  },
  reference:
    'Linux 19bc5d79ece6, "KVM: arm64: vgic: Take a refcount on IRQs referenced by last_lr_irq"; we read the commit by its subject.',
  story:
    'More interrupts wait than there are list registers, so KVM notes the last interrupt that it put into one: what the guest ends without a list register is found behind it on the list. While the guest runs, another vCPU turns the LPIs of this one off, which takes that interrupt off the list and drops the last reference to it. At exit the fold starts from the note, and reads an interrupt that has been freed.',
  fix: "the machine notes no interrupt: its list is a ring of INTIDs, which the fold walks from the begin, and the state word of an interrupt, which never goes away, says whether a list register holds the interrupt. KVM's note holds a reference from the entry to the exit",
  lesson:
    'A pointer that is kept across a run of the guest is a holder like any other: count it, or look the object up again.',
  buggy: {
    ...memory({}, (words) => {
      const slots = new Slots(words, regions.slots, SLOTS);
      slots.init();
      store(words, at.list0, slots.take());
    }),
    threads: {
      vcpu(words) {
        const last = load(words, at.list0) as Handle;
        if (last === NO_HANDLE) return;
        store(words, at.lastLr, last);
        new Slots(words, regions.slots, SLOTS).use(load(words, at.lastLr) as Handle);
      },
      redistributor(words) {
        const record = exchange(words, at.list0, NO_HANDLE) as Handle;
        if (record !== NO_HANDLE) new Slots(words, regions.slots, SLOTS).retire(record);
      },
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 1, LPI);
        const { interrupts, lpis, listRegisters } = machine.gic;
        const [registers] = listRegisters;
        // The guest exits after taking the SPI, and then the LPI comes.
        enableSpi(machine, SPI);
        interrupts.latch(interrupts.find(0, SPI), SPI);
        registers?.take(0, registers.best(0, -1));
        registers?.exit();
        lpis.latch(LPI);
      },
      { vcpus: 2, listRegisters: 1 },
    ),
    threads: {
      vcpu(shared) {
        const [registers] = machineOf(shared, 1).gic.listRegisters;
        // The one list register is the LPI's, and the SPI is active outside.
        registers?.run();
        // An EOI that no list register knows of: the guest is left, and the fold looks for the SPI on the list.
        registers?.deactivate(registers.find(0, SPI), SPI, GROUP1, GROUP1);
        registers?.exit();
      },
      redistributor(shared) {
        const { lpis } = machineOf(shared, 3).gic;
        lpis.forget(0);
        lpis.unmap(LPI);
      },
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      const isActive = (stateOf(machine.gic.interrupts, SPI) & ACTIVE) !== 0;
      requireNoStrandedWork(true, isActive, 'the SPI that has ended stays active: vCPU 0');
      // The guest has not taken the LPI, and the LPI ended together with its pending state.
      const isDelivered = [0, 1].some((vcpu) => takeNext(machine.gic.interrupts, vcpu) === LPI);
      requireExplained(isDelivered, false, 'an LPI that is mapped nowhere');
      requireReady(!machine.gic.lpis.isMapped(LPI), 'the next life of the LPI');
    },
  },
});
