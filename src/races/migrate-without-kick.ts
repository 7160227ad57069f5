import { NONE } from '../gic/interrupts.ts';
import { TARGET, TARGET_SHIFT } from '../gic/state.ts';
import { exchange, load, setBits, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, pending, type Shared, takeNext } from './on-machine.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ list0: 1, list1: 1, mode1: 1, ipi1: 1, listRegister1: 1 });
const IN_GUEST = 1;
const SPI = 40;

export const migrateWithoutKick = defineRace<Words, Shared>({
  number: 8,
  slug: 'migrate-without-kick',
  title: "the interrupt moves to another vCPU's list, and no kick tells that vCPU",
  component: 'vGIC pending list',
  symptom: 'lost interrupt (delayed without bound)',
  oracle: 'O1',
  kind: 'assertion',
  preemptions: 0,
  schedule: 'vcpu1:flush vcpu1:mode-in vcpu1:guest | vcpu0:move',
  steps: {
    'vcpu1:flush': ['exchange list1', 'load vcpu1.alone'],
    'vcpu1:mode-in': ['store mode1', undefined],
    'vcpu1:guest': ['store listRegister1', 'wait vcpu1.bell'],
    'vcpu0:move': ['or list1', 'or vcpu1.listed'],
  },
  reference:
    'The path target_vcpu_needs_kick of vgic_prune_ap_list() in vgic.c, where the guard stands today.',
  story:
    'vCPU 1 is in its guest, and nothing is pending for it. vCPU 0 leaves its guest, goes through its list, and finds an interrupt whose target is vCPU 1 by now. vCPU 0 moves the interrupt to the list of vCPU 1, and goes on. No kick tells vCPU 1.',
  fix: "the machine's list(): a thread that puts an interrupt on a vCPU's list, also an interrupt that it passes on, rings that vCPU's bell",
  lesson:
    'A change of state that concerns another vCPU needs a request and a kick, also where the change is a clean-up.',
  buggy: {
    ...memory({ list0: 1 }),
    threads: {
      vcpu1(words) {
        const flushed = exchange(words, at.list1, 0);
        store(words, at.mode1, IN_GUEST);
        store(words, at.listRegister1, flushed);
      },
      vcpu0(words) {
        const moved = exchange(words, at.list0, 0);
        setBits(words, at.list1, moved);
      },
    },
    finally(words) {
      const stays = load(words, at.mode1) === IN_GUEST && load(words, at.ipi1) === 0;
      requireNoStrandedWork(stays, load(words, at.list1) !== 0, 'vCPU 1 in its guest');
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        const { interrupts } = machine.gic;
        enableSpi(machine, SPI);
        interrupts.latch(interrupts.find(0, SPI), SPI);
        // The SPI is still on the list of vCPU 0.
        interrupts.amend(interrupts.find(0, SPI), TARGET, 1 << TARGET_SHIFT);
      },
      { vcpus: 2 },
    ),
    threads: {
      vcpu1(shared) {
        const { interrupts } = machineOf(shared, 2).gic;
        const bell = interrupts.bell(1);
        for (;;) {
          const ticket = bell.announce();
          if (takeNext(interrupts, 1) !== NONE) return bell.withdraw();
          bell.park(ticket);
        }
      },
      vcpu0: (shared) => void takeNext(machineOf(shared, 1).gic.interrupts, 0),
    },
    finally(shared) {
      requireNoStrandedWork(true, pending(machineOf(shared, 0), SPI), 'vCPU 1');
    },
  },
});
