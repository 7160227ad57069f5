import type { DeviceId, EventId, Intid } from '../arch/intid.ts';
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
import { requireWholeRoute } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ deviceId: 1, eventId: 1 });
const OLD = '1:10';
const NEW = '2:20';

const FD = 0;
const GSI = 64;
/** An LPI for each pair that a reader could assemble, whole or torn; all are mapped and cached. */
const LPIS: readonly (readonly [deviceId: DeviceId, eventId: EventId, lpi: Intid])[] = [
  [1, 10, 8192],
  [2, 20, 8193],
  [1, 20, 8194],
  [2, 10, 8195],
];

export const tornRouteEntry = defineRace<Words, Shared>({
  number: 10,
  slug: 'torn-route-entry',
  title: 'a reader sees half of the old route and half of the new one',
  component: 'GSI routing, irqfd',
  symptom: 'wrong vCPU, spurious INTID',
  oracle: 'O8',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'injector:read-device ! updater:write-device updater:write-event | injector:read-event',
  steps: {
    'injector:read-device': ['load deviceId', 'load irqfd.records'],
    'updater:write-device': ['store deviceId', 'store irqfd.records'],
    'updater:write-event': ['store eventId', 'store irqfd.records'],
    'injector:read-event': ['load eventId', 'load irqfd.records'],
  },
  reference:
    'Linux 56f89f3629ff, "KVM: Don\'t keep reference to irq routing table in irqfd struct": since then every irqfd has a copy of its route and a sequence count beside it.',
  story:
    'A route is several words: the device, the event, the doorbell. The injector has read the old device when the route is replaced, and then reads the new event. The pair that it injects was never configured.',
  fix: "the machine's irqfd: its copy of the route lies under a sequence count. A signaller that finds a write under way, or the count moved, leaves the event to the main thread, which reads the table that is in force",
  lesson:
    'One word never tears, two do. Count the words of every value that you read, and ask for the lock or count that keeps them together.',
  buggy: {
    ...memory({ deviceId: 1, eventId: 10 }),
    threads: {
      injector(words) {
        const deviceId: DeviceId = load(words, at.deviceId);
        const eventId: EventId = load(words, at.eventId);
        requireWholeRoute(`${deviceId}:${eventId}`, [OLD, NEW]);
      },
      updater(words) {
        store(words, at.deviceId, 2);
        store(words, at.eventId, 20);
      },
    },
  },
  fixed: {
    ...onMachine((machine) => {
      mapDevices(machine, 1, 2);
      for (const [deviceId, eventId, lpi] of LPIS) mapEvent(machine, deviceId, eventId, lpi);
      machine.vm.setGsiRouting([messageRoute(machine, GSI, 1, 10)]);
      machine.vm.assignIrqFd(FD, GSI);
      // From here on the irqfd knows no LPI, and uses its copy of the route.
      machine.its.invalidate();
      for (const [deviceId, eventId] of LPIS) machine.its.translate(deviceId, eventId);
    }),
    threads: {
      injector: (shared) => machineOf(shared, 2).vm.irqfds.write(FD),
      updater(shared) {
        const machine = machineOf(shared, 3);
        machine.vm.setGsiRouting([messageRoute(machine, GSI, 2, 20)]);
      },
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      machine.vm.irqfds.dispatchPending();
      const used = LPIS.filter(([, , lpi]) => pending(machine, lpi)).map(
        ([device, event]) => `${device}:${event}`,
      );
      requireWholeRoute(used.join(' and ') || 'none', [OLD, NEW]);
    },
  },
});
