import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, pending, type Shared } from './on-machine.ts';
import { requireDelivered } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ count: 1, hook: 1, delivered: 1 });
const FD = 0;
/** The kernel's initial table maps GSI 8 to pin 8. */
const GSI = 8;
const SPI = 40;

function inject(words: Words): void {
  if (exchange(words, at.count, 0) !== 0) store(words, at.delivered, 1);
}

export const pollBeforeAttach = defineRace<Words, Shared>({
  number: 13,
  slug: 'poll-before-attach',
  title: 'the count is looked at before the hook is in place',
  component: 'irqfd assign',
  symptom: 'lost interrupt',
  oracle: 'O2',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'assign:poll ! device:signal | assign:attach',
  steps: {
    'assign:poll': ['load count', 'or irqfd.active'],
    'device:signal': 'rest',
    'assign:attach': ['store hook', undefined],
  },
  reference:
    'The order in kvm_irqfd_assign(), virt/kvm/eventfd.c, and the comment that explains it: hook first, then look, and inject as if nothing had been missed.',
  story:
    'An irqfd is put on an eventfd. The count is looked at: zero. Then the device signals; there is no hook yet to call. Then the hook is installed, and no signal will ever call the hook for that count.',
  fix: "the machine's assign: the hook first, then the count is drained; and a writer that found no hook adds to the count and looks for the hook again",
  lesson: 'Subscribe, then look. The window turns into a possible duplicate, which an edge absorbs.',
  buggy: {
    ...memory(),
    threads: {
      assign(words) {
        if (load(words, at.count) !== 0) inject(words);
        store(words, at.hook, 1);
      },
      device(words) {
        add(words, at.count, 1);
        if (load(words, at.hook) !== 0) inject(words);
      },
    },
    finally(words) {
      requireDelivered(1, load(words, at.delivered));
    },
  },
  fixed: {
    ...onMachine((machine) => enableSpi(machine, SPI)),
    threads: {
      assign: (shared) => machineOf(shared, 2).vm.assignIrqFd(FD, GSI),
      device: (shared) => machineOf(shared, 3).vm.irqfds.write(FD),
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      machine.vm.irqfds.dispatchPending();
      requireDelivered(1, pending(machine, SPI) ? 1 : 0);
    },
  },
});
