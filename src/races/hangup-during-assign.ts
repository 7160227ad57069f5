import { KvmError } from '../kvm/kvm-error.ts';
import { type Handle, NO_HANDLE, Slots, slotOf, slotsWords } from '../memory/slots.ts';
import { exchange, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared } from './on-machine.ts';
import { requireReady } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ hook: 1, registered: 2, slots: slotsWords(1) });
const SLOTS = 'irqfd';
const FD = 0;
const GSI = 8;
const SPI = 40;

export const hangupDuringAssign = defineRace<Words, Shared>({
  number: 14,
  slug: 'hangup-during-assign',
  title: 'the object is torn down by a callback while its creator still uses it',
  component: 'irqfd assign',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'assign:publish ! closer:hangup closer:retire | assign:register',
  steps: {
    'assign:publish': ['store hook', 'store irqfd.hooks'],
    'closer:hangup': ['exchange hook', undefined],
    'closer:retire': 'rest',
    'assign:register': ['store registered', undefined],
  },
  reference:
    "The race between EPOLLHUP and irq_bypass_register_consumer in KVM's irqfd (its fix is known by its subject, not read); in the source that resulted, the whole assignment is one SRCU read section, and the shutdown waits for it.",
  story:
    'An irqfd is hooked to its eventfd, and from then on others can reach it. The eventfd is closed at once: the hang-up takes the irqfd away and retires it. The creator is not done yet, and goes on to register the irqfd elsewhere, by a handle that is stale.',
  fix: "the machine's assign: an irqfd is complete before it is hooked, and assignment and hang-up exclude each other by the irqfds' lock",
  lesson:
    'To publish is to give away. Code that needs an object after that needs a reference, or has to publish as its last step.',
  buggy: {
    ...memory({}, (words) => new Slots(words, regions.slots, SLOTS).init()),
    threads: {
      assign(words) {
        const slots = new Slots(words, regions.slots, SLOTS);
        const irqfd = slots.take();
        store(words, at.hook, irqfd);
        store(words, at.registered + slotOf(irqfd), 1);
        slots.use(irqfd);
      },
      closer(words) {
        const irqfd = exchange(words, at.hook, NO_HANDLE) as Handle;
        if (irqfd !== NO_HANDLE) new Slots(words, regions.slots, SLOTS).retire(irqfd);
      },
    },
  },
  fixed: {
    ...onMachine((machine) => enableSpi(machine, SPI)),
    threads: {
      assign(shared) {
        try {
          machineOf(shared, 2).vm.assignIrqFd(FD, GSI);
        } catch (error) {
          // If the eventfd was closed first, KVM refuses the call.
          if (!(error instanceof KvmError) || error.errno !== 'EBADF') throw error;
        }
      },
      closer: (shared) => machineOf(shared, 3).vm.closeEventFd(FD),
    },
    finally(shared) {
      const { vm } = machineOf(shared, 0);
      requireReady(vm.irqfds.gsiOf(FD) === -1, 'an irqfd on an eventfd that is closed');
    },
  },
});
