import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { type Handle, NO_HANDLE, Slots, slotsWords } from '../memory/slots.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import {
  machineOf,
  mapDevices,
  mapEvent,
  messageRoute,
  onMachine,
  pending,
  type Shared,
} from './on-machine.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ hook: 1, work: 1, slots: slotsWords(1) });
const SLOTS = 'irqfd';
/** The worker's item when there is no work. */
const NO_WORK = -1;
const FD = 0;
const GSI = 64;
const LPI = 8192;

export const flushBeforeUnhook = defineRace<Words, Shared>({
  number: 15,
  slug: 'flush-before-unhook',
  title: 'pending work is flushed first, and the source can still queue more',
  component: 'irqfd and device teardown',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'teardown:flush ! signaller:queue | teardown:unhook teardown:retire | worker:run',
  steps: {
    'teardown:flush': ['load work', 'compareExchange kvm.irqLock'],
    'signaller:queue': 'rest',
    'teardown:unhook': ['store hook', 'store irqfd.hooks'],
    'teardown:retire': 'rest',
    'worker:run': ['exchange work', undefined],
  },
  reference:
    'Linux ba4cef31d5a3, "KVM: Fix racy in kvm_free_assigned_irq". The right order is called critical above irqfd_shutdown() in virt/kvm/eventfd.c.',
  story:
    'A source is taken away: teardown waits for the queued work of the source, and there is none. Then the source signals; its hook is still there, so work is queued. Then the source is unhooked and retired, and the worker runs the work of a source that has ended.',
  fix: "the machine's deassign: unhook, wait for every writer that may have seen the hook, run what is left, then free",
  lesson: 'Stop the source, then drain, then free. Any other order leaves a window behind the drain.',
  buggy: {
    ...memory({}, (words) => {
      const slots = new Slots(words, regions.slots, SLOTS);
      slots.init();
      store(words, at.hook, slots.take());
    }),
    threads: {
      teardown(words) {
        const irqfd = load(words, at.hook) as Handle;
        while (load(words, at.work) > 0);
        store(words, at.hook, NO_HANDLE);
        new Slots(words, regions.slots, SLOTS).retire(irqfd);
      },
      signaller(words) {
        const irqfd = load(words, at.hook);
        store(words, at.work, irqfd === NO_HANDLE ? NO_WORK : irqfd);
        wake(words, at.work);
      },
      worker(words) {
        sleepWhile(words, at.work, 0, FOREVER);
        const irqfd = exchange(words, at.work, 0);
        if (irqfd !== NO_WORK) new Slots(words, regions.slots, SLOTS).use(irqfd as Handle);
      },
    },
  },
  fixed: {
    ...onMachine((machine) => {
      const { its, vm } = machine;
      mapDevices(machine, 1);
      mapEvent(machine, 1, 10, LPI);
      vm.setGsiRouting([messageRoute(machine, GSI, 1, 10)]);
      vm.assignIrqFd(FD, GSI);
      // No translation in the cache: a signal is work for the main thread.
      its.invalidate();
    }),
    threads: {
      teardown(shared) {
        const { vm, gic } = machineOf(shared, 2);
        vm.deassignIrqFd(FD, GSI);
        // Drops everything injected so far: no injection may follow.
        gic.lpis.clear(LPI);
      },
      signaller: (shared) => machineOf(shared, 3).vm.irqfds.write(FD),
      worker: (shared) => void machineOf(shared, 0).vm.irqfds.dispatchPending(),
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      machine.vm.irqfds.dispatchPending();
      requireExplained(pending(machine, LPI), false, 'an interrupt of an irqfd that was gone');
    },
  },
});
