import { AbstractLock } from '../explore/telling/abstract-lock.ts';
import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { load, store, type Words } from '../memory/word.ts';
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
import { requireDelivered } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ lock: 1, work: 1, pending: 1 });
const QUEUED = 1;

const FD = 0;
const GSI = 64;
const LPI = 8192;

export const flushUnderLock = defineRace<Words, Shared>({
  number: 29,
  slug: 'flush-under-lock',
  title: 'waiting for work that needs the lock that the waiter holds',
  component: 'irq injection lock',
  symptom: 'deadlock',
  oracle: 'O10',
  kind: 'deadlock',
  preemptions: 0,
  schedule: 'control:lock control:flush | worker:lock',
  steps: {
    'control:lock': ['lock lock', 'compareExchange kvm.irqLock'],
    'control:flush': ['wait work', 'compareExchange irqfd.workLock'],
    'worker:lock': ['rest', 'compareExchange irqfd.workLock'],
  },
  reference: 'Linux fa40a8214bb9, "KVM: switch irq injection/acking data structures to irq_lock".',
  story:
    'The control plane removes an interrupt source: it takes the lock of the VM and waits for injections that are under way. The worker that has such an injection wants the same lock first. Both wait, for ever.',
  fix: "the machine's locks: a thread that removes an irqfd waits for the worker's lock, and a worker that injects takes no lock that a removal holds while it waits",
  lesson:
    'Waiting for another thread to finish is like taking a lock. Draw the flushes into the lock order too.',
  buggy: {
    ...memory({ work: QUEUED }),
    threads: {
      control(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        sleepWhile(words, at.work, QUEUED, FOREVER);
        lock.unlock();
      },
      worker(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        store(words, at.pending, 1);
        lock.unlock();
        store(words, at.work, 0);
        wake(words, at.work);
      },
    },
    finally(words) {
      requireDelivered(1, load(words, at.pending));
    },
  },
  fixed: {
    ...onMachine((machine) => {
      const { vm, its } = machine;
      mapDevices(machine, 1);
      mapEvent(machine, 1, 10, LPI);
      vm.setGsiRouting([messageRoute(machine, GSI, 1, 10)]);
      vm.assignIrqFd(FD, GSI);
      // Without a cached translation, the signal is left to the main thread.
      its.invalidate();
      vm.irqfds.write(FD);
    }),
    threads: {
      control: (shared) => machineOf(shared, 2).vm.deassignIrqFd(FD, GSI),
      worker: (shared) => void machineOf(shared, 0).vm.irqfds.dispatchPending(),
    },
    finally(shared) {
      requireDelivered(1, pending(machineOf(shared, 0), LPI) ? 1 : 0);
    },
  },
});
