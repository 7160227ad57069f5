import type { Intid } from '../arch/intid.ts';
import { NONE } from '../gic/interrupts.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { machineOf, mapDevices, mapEvent, onMachine, type Shared } from './on-machine.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ list0: 1, listRegister: 1, lpisOff: 1, takenWhenOff: 1 });
const LPI: Intid = 8192;
const OFF = 0;
const TAKEN_WHEN_OFF = 1;

export const lpisOffInGuest = defineRace<Words, Shared>({
  number: 33,
  slug: 'lpis-off-in-guest',
  title: 'LPIs are turned off on the list, and stay on in the list registers of a guest that runs',
  component: 'list registers, GICR_CTLR.EnableLPIs',
  symptom: 'spurious INTID after its source was turned off',
  oracle: 'O3',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'vcpu:flush vcpu:fill ! redistributor:flush redistributor:done | vcpu:acknowledge',
  steps: {
    'vcpu:flush': ['exchange list0', 'load lpi[0]'],
    'vcpu:fill': ['store listRegister', 'compareExchange lpi[0]'],
    'redistributor:flush': ['store list0', 'and vcpu0.listed'],
    'redistributor:done': ['store lpisOff', 'store scenario'],
    'vcpu:acknowledge': ['rest', 'rest'],
  },
  reference:
    'The patch "KVM: arm64: vgic: Stop the VM when disabling LPIs" of September 2026, in the series "vgic-v3: Make LPI disabling robust (and more)"; we read it by its subject, and do not know in which kernel it is.',
  story:
    "A vCPU has an LPI in a list register, and runs its guest. Another vCPU turns the LPIs of the first off: the LPI goes off the list, its latch is cleared, and the write returns. The list register is the first vCPU's own, and nothing reached it: the guest takes an LPI from a redistributor that has LPIs off, with tables that the driver may have freed.",
  fix: "the machine's acknowledge looks at the state word, which says whether the interrupt is still in a list register; where it is not, the acknowledge leaves the guest and takes nothing. The patch stops all vCPUs of the VM first, so that list registers are folded back before the list is emptied",
  lesson:
    'A copy that another thread works from is part of the state. Take the copies back before a register write says that it is done.',
  buggy: {
    ...memory({ list0: LPI }),
    threads: {
      vcpu(words) {
        store(words, at.listRegister, exchange(words, at.list0, 0));
        const isOff = load(words, at.lpisOff);
        if (load(words, at.listRegister) !== 0) store(words, at.takenWhenOff, isOff);
      },
      redistributor(words) {
        store(words, at.list0, 0);
        store(words, at.lpisOff, 1);
      },
    },
    finally: (words) => requireNotTakenWhenOff(load(words, at.takenWhenOff)),
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 1, LPI);
        machine.gic.lpis.latch(LPI);
      },
      { listRegisters: 1 },
    ),
    threads: {
      vcpu(shared) {
        const { gic, words, scenario } = machineOf(shared, 1);
        const [registers] = gic.listRegisters;
        if (registers === undefined) return;
        const intid = registers.best(0, -1);
        const isOff = load(words, scenario.at + OFF);
        if (intid !== NONE && registers.take(0, intid) !== 0)
          store(words, scenario.at + TAKEN_WHEN_OFF, isOff);
        registers.exit();
      },
      redistributor(shared) {
        const { gic, words, scenario } = machineOf(shared, 3);
        gic.lpis.forget(0);
        store(words, scenario.at + OFF, 1);
      },
    },
    finally(shared) {
      const { words, scenario } = machineOf(shared, 0);
      requireNotTakenWhenOff(load(words, scenario.at + TAKEN_WHEN_OFF));
    },
  },
});

function requireNotTakenWhenOff(taken: number): void {
  requireExplained(taken !== 0, false, 'an LPI whose redistributor has LPIs off');
}
