import type { Intid } from '../arch/intid.ts';
import { endActive } from '../gic/queueing.ts';
import { ACTIVE } from '../gic/state.ts';
import { load, lower, setBits, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared, stateOf, takeNext } from './on-machine.ts';
import { requireDelivered, requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ pause: 1, inGuest: 1, active: 1, left: 1 });
const A = 1 << 0;
const B = 1 << 1;

/** A write to GICD_ICACTIVER: stops the vCPU, changes the state, resumes the vCPU. */
function clearActive(words: Words, interrupt: number): void {
  store(words, at.pause, 1);
  while (load(words, at.inGuest) !== 0);
  lower(words, at.active, interrupt);
  store(words, at.pause, 0);
}

const SPI_A = 40;
const SPI_B = 41;
const TAKEN = 0;

function clearActiveByRegister(shared: Shared, thread: number, intid: Intid): void {
  const { interrupts } = machineOf(shared, thread).gic;
  endActive(interrupts, interrupts.find(0, intid), intid);
}

/** The vCPU takes B if possible, and its guest ends B. */
function handle(shared: Shared): void {
  const { words, scenario, gic } = machineOf(shared, 1);
  const { interrupts } = gic;
  for (let intid = takeNext(interrupts, 0); intid >= 0; intid = takeNext(interrupts, 0)) {
    store(words, scenario.at + TAKEN, intid);
    interrupts.deactivate(interrupts.find(0, intid), intid);
  }
}

export const pauseFlagShared = defineRace<Words, Shared>({
  number: 25,
  slug: 'pause-flag-shared',
  title: 'two writers share one pause, and the first to finish resumes the vCPU under the second',
  component: 'GICD_ICACTIVER',
  symptom: 'lost update, interrupt stuck active',
  oracle: 'O1',
  kind: 'assertion',
  preemptions: 2,
  schedule:
    'writerB:pause writerB:out? ! writerA:pause writerA:out? writerA:clear-A writerA:resume | vcpu:enter vcpu:load-LRs ! writerB:clear-B writerB:resume | vcpu:write-back vcpu:exit',
  steps: {
    'writerB:pause': ['store pause', undefined],
    'writerB:out?': ['load inGuest', 'load spi[9]'],
    'writerA:pause': ['store pause', undefined],
    'writerA:out?': ['load inGuest', 'load spi[8]'],
    'writerA:clear-A': ['and active', 'compareExchange spi[8]'],
    'writerA:resume': ['store pause', undefined],
    'vcpu:enter': ['store inGuest', 'load vcpu0.alone'],
    'vcpu:load-LRs': ['load active', 'load vcpu0.alone'],
    'writerB:clear-B': ['and active', 'compareExchange spi[9]'],
    'writerB:resume': ['store pause', undefined],
    'vcpu:write-back': ['or active', undefined],
    'vcpu:exit': ['store inGuest', undefined],
  },
  reference:
    'Linux abd7229626b9, "KVM: arm/arm64: Simplify active_change_prepare and plug race". The comment above vgic_access_active_prepare() in vgic-mmio.c says why there is a pause at all.',
  story:
    'A vCPU in its guest owns the state of the interrupts in its list registers, and writes that state back when it leaves. So a register write first pauses the vCPU. Two writes at once share one flag: the first write to finish clears the flag, the vCPU enters and loads an interrupt as active, and the second write clears the active bit, which the vCPU writes back when it leaves. The interrupt is active for good.',
  fix: "the machine has no copies to write back: a vCPU acts on the interrupt's one state word, as the register write does, each with one compare-and-swap",
  lesson:
    'A flag that several threads set has to be a count or a lock. A copy that will be written back overwrites the changes of all other threads.',
  buggy: {
    ...memory({ active: A | B }),
    threads: {
      writerA: (words) => clearActive(words, A),
      writerB: (words) => clearActive(words, B),
      vcpu(words) {
        for (;;) {
          store(words, at.inGuest, 1);
          if (load(words, at.pause) === 0) break;
          store(words, at.inGuest, 0);
          while (load(words, at.pause) !== 0);
        }
        const listRegister = load(words, at.active) & B;
        // The guest runs here, with its own copy of B.
        setBits(words, at.active, listRegister);
        store(words, at.inGuest, 0);
      },
    },
    finally(words) {
      requireNoStrandedWork(
        true,
        (load(words, at.active) & B) !== 0,
        'interrupt B, which was ended and is active again,',
      );
    },
  },
  fixed: {
    ...onMachine((machine) => {
      const { interrupts } = machine.gic;
      for (const intid of [SPI_A, SPI_B]) {
        enableSpi(machine, intid);
        interrupts.change(interrupts.find(0, intid), intid, 0, ACTIVE);
      }
    }),
    threads: {
      writerA: (shared) => clearActiveByRegister(shared, 2, SPI_A),
      writerB: (shared) => clearActiveByRegister(shared, 3, SPI_B),
      vcpu: handle,
      // B comes again, while active or later.
      device(shared) {
        const { interrupts } = machineOf(shared, 4).gic;
        interrupts.latch(interrupts.find(0, SPI_B), SPI_B);
      },
    },
    finally(shared) {
      handle(shared);
      const { words, scenario, gic } = machineOf(shared, 0);
      for (const intid of [SPI_A, SPI_B]) {
        const active = (stateOf(gic.interrupts, intid) & ACTIVE) !== 0;
        requireNoStrandedWork(true, active, `SPI ${intid}, which was ended and is active again,`);
      }
      requireDelivered(SPI_B, load(words, scenario.at + TAKEN));
    },
  },
});
