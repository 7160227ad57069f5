import { EDGE } from '../gic/state.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared, takeNext } from './on-machine.ts';
import { requireBounded } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ trigger: 1, resampler: 1, injections: 1 });
const LEVEL = 0;
const EDGE_MODE = 1;
/** No terminating chain of callbacks is deeper. */
const BOUND = 4;

/** Injects; on an edge-triggered pin with a lazy EOI, the ack listeners run at once and raise the line again. */
function inject(words: Words, depth: number): void {
  requireBounded(depth, BOUND, 'injecting from within an acknowledgement');
  add(words, at.injections, 1);
  if (load(words, at.trigger) === EDGE_MODE) acknowledge(words, depth);
}

function acknowledge(words: Words, depth: number): void {
  if (load(words, at.resampler) !== 0) inject(words, depth + 1);
}

const GSI = 8;
const SPI = 40;
const TRIGGER = 0;
const RESAMPLER = 1;
const SERVED = 0;

export const resampleReentry = defineRace<Words, Shared>({
  number: 24,
  slug: 'resample-reentry',
  title: 'acknowledging injects again, and injecting acknowledges',
  component: 'resample acknowledgement',
  symptom: 'livelock, unbounded recursion',
  oracle: 'O11',
  kind: 'assertion',
  preemptions: 0,
  schedule: 'control:mode-edge | vcpu:inject vcpu:ack vcpu:inject-again vcpu:ack-again',
  steps: {
    'control:mode-edge': ['store trigger', 'compareExchange spi[8]'],
    'vcpu:inject': ['add injections', 'or spi[8]'],
    'vcpu:ack': ['load resampler', 'load ack.acked'],
    'vcpu:inject-again': ['add injections', undefined],
    'vcpu:ack-again': ['load resampler', undefined],
  },
  reference:
    'Linux 8be8f932e3db restricts the lazy EOI of the I/O APIC to edge pins, and 77377064c3a9 breaks the recursion where the trigger of a pin is set to edge while a resampler is still registered.',
  story:
    'A pin is switched to edge, and its resampler stays. An injection on an edge pin acknowledges itself; acknowledging tells the resampler; the resampler sets the line; and setting the line injects.',
  fix: "the machine's acknowledgements: the end of a level-triggered interrupt (and of no other) is noted, and passed on by serveAcks() after the EOI, outside of every injection",
  lesson: 'A callback that can reach its caller needs a queue in between. Count the depth in tests.',
  buggy: {
    ...memory({ trigger: LEVEL, resampler: 1 }),
    threads: {
      control: (words) => store(words, at.trigger, EDGE_MODE),
      vcpu: (words) => inject(words, 0),
    },
  },
  fixed: {
    ...onMachine((machine) => {
      enableSpi(machine, SPI, 0);
      machine.vm.assignIrqFd(TRIGGER, GSI, { resamplefd: RESAMPLER });
    }),
    threads: {
      control(shared) {
        const { interrupts } = machineOf(shared, 2).gic;
        interrupts.change(interrupts.find(0, SPI), SPI, 0, EDGE);
      },
      vcpu(shared) {
        const { vm, gic, words, scenario } = machineOf(shared, 1);
        const { interrupts } = gic;
        vm.irqfds.write(TRIGGER);
        if (takeNext(interrupts, 0) === SPI) interrupts.deactivate(interrupts.find(0, SPI), SPI);
        add(words, scenario.at + SERVED, vm.serveAcks());
      },
    },
    finally(shared) {
      const { words, scenario } = machineOf(shared, 0);
      requireBounded(load(words, scenario.at + SERVED), 1, 'acknowledgements of one injection');
    },
  },
});
