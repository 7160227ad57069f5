import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
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

const { at, memory } = model({ route: 1, count: 1, delivered: 1 });
const FD = 0;
const GSI = 64;
const LPI = 8192;

export const maskRemovesRoute = defineRace<Words, Shared>({
  number: 12,
  slug: 'mask-removes-route',
  title: 'masking by removing the route lets the event be consumed and dropped',
  component: 'MSI-X mask over an irqfd',
  symptom: 'lost interrupt',
  oracle: 'O2',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'device:signal | guest:mask ! consumer:drain consumer:no-route | guest:unmask',
  steps: {
    'device:signal': ['notify count', 'compareExchange eventfd0'],
    'guest:mask': ['store route', 'store irqfd.hooks'],
    'consumer:drain': ['exchange count', 'load irqfd.hooks'],
    'consumer:no-route': ['load route', undefined],
    'guest:unmask': ['store route', 'store irqfd.hooks'],
  },
  reference:
    'cloud-hypervisor pull request 795, "Prevent from losing masked interrupts". Its pull requests 3827 and 6348 are about when an irqfd may be attached, seen from the route.',
  story:
    'The guest masks a vector, and the VMM takes its route away. The device signals; the consumer of the eventfd takes the count, looks for a route, finds none and drops the event. Then the guest unmasks, and the event is pending nowhere.',
  fix: "the machine's deassign and assign: masked, the count stays in the eventfd; unmasked, the hook is put back and then the count is looked at",
  lesson:
    'Masked means later, not never. Only a thread that can deliver an event may take it from the place where it waits.',
  buggy: {
    ...memory({ route: 1 }),
    threads: {
      device(words) {
        add(words, at.count, 1);
        wake(words, at.count);
      },
      guest(words) {
        store(words, at.route, 0);
        store(words, at.route, 1);
      },
      consumer(words) {
        sleepWhile(words, at.count, 0, FOREVER);
        exchange(words, at.count, 0);
        if (load(words, at.route) !== 0) store(words, at.delivered, 1);
      },
    },
    finally(words) {
      requireDelivered(1, load(words, at.delivered));
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 10, LPI);
        machine.vm.setGsiRouting([messageRoute(machine, GSI, 1, 10)]);
        machine.vm.assignIrqFd(FD, GSI);
      },
      { dispatch: 'main' },
    ),
    threads: {
      device: (shared) => machineOf(shared, 2).vm.irqfds.write(FD),
      guest(shared) {
        const { vm } = machineOf(shared, 3);
        vm.deassignIrqFd(FD, GSI);
        vm.assignIrqFd(FD, GSI);
      },
      consumer: (shared) => void machineOf(shared, 0).vm.irqfds.dispatchPending(),
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      // The main thread looks again: its bell rang for every signal left to the main thread.
      machine.vm.irqfds.dispatchPending();
      requireDelivered(1, pending(machine, LPI) ? 1 : 0);
    },
  },
});
