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
import { requireFreshRoute } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ active: 1, hook: 1, routeCopy: 1, table: 1, updated: 1 });
const OLD = 1;
const NEW = 2;

const FD = 0;
const GSI = 64;
const OLD_LPI = 8192;
const NEW_LPI = 8193;
/** The machine's scenario words: the update has returned; the signaller's reading of that word at its start. */
const UPDATED = 0;
const SEEN = 1;

export const staleRouteAfterDeassign = defineRace<Words, Shared>({
  number: 11,
  slug: 'stale-route-after-deassign',
  title: 'the irqfd is off the list of irqfds to update, but still on its eventfd',
  component: 'irqfd deassign, GSI routing',
  symptom: 'wrong vCPU (stale route)',
  oracle: 'O9',
  kind: 'assertion',
  preemptions: 1,
  schedule:
    'deassign:unlist ! update:publish update:refresh-active update:return | signaller:signal signaller:deliver-copy',
  steps: {
    'deassign:unlist': ['store active', 'store irqfd.hooks'],
    'update:publish': ['store table', 'store routing.current'],
    'update:refresh-active': ['load active', 'load irqfd.active'],
    'update:return': ['store updated', 'store scenario[0]'],
    'signaller:signal': ['load updated', 'load scenario[0]'],
    'signaller:deliver-copy': ['load routeCopy', undefined],
  },
  reference:
    'CVE-2026-23198; Linux b4d37cdb77a0, "KVM: Don\'t clobber irqfd routing type when deassigning irqfd".',
  story:
    "An irqfd is being taken away: it is off the list by which a new routing table reaches the irqfds' own copies, and its eventfd still leads to it. The table is replaced, and its caller is told that the new one is in force. Then the eventfd is written, and the interrupt goes by the old copy.",
  fix: "the machine's order: the hook goes together with the place on the list, under one lock, and a deassignment and a replacement of the table exclude each other",
  lesson:
    'A copy that a list keeps up to date must not be used once its owner is off the list. Ask of each private copy: which code refreshes it, and until when?',
  buggy: {
    ...memory({ active: 1, hook: 1, routeCopy: OLD, table: OLD }),
    threads: {
      deassign(words) {
        store(words, at.active, 0);
        // The rest is left to a worker, which runs later.
        store(words, at.hook, 0);
      },
      update(words) {
        store(words, at.table, NEW);
        if (load(words, at.active) !== 0) store(words, at.routeCopy, NEW);
        store(words, at.updated, 1);
      },
      signaller(words) {
        const updated = load(words, at.updated) !== 0;
        if (load(words, at.hook) === 0) return;
        requireFreshRoute(updated, load(words, at.routeCopy) === OLD);
      },
    },
  },
  fixed: {
    ...onMachine((machine) => {
      mapDevices(machine, 1);
      mapEvent(machine, 1, 10, OLD_LPI);
      mapEvent(machine, 1, 20, NEW_LPI);
      machine.vm.setGsiRouting([messageRoute(machine, GSI, 1, 10)]);
      machine.vm.assignIrqFd(FD, GSI);
    }),
    threads: {
      deassign: (shared) => machineOf(shared, 2).vm.deassignIrqFd(FD, GSI),
      update(shared) {
        const machine = machineOf(shared, 3);
        machine.vm.setGsiRouting([messageRoute(machine, GSI, 1, 20)]);
        store(machine.words, machine.scenario.at + UPDATED, 1);
      },
      signaller(shared) {
        const { words, scenario, vm } = machineOf(shared, 4);
        store(words, scenario.at + SEEN, load(words, scenario.at + UPDATED));
        vm.irqfds.write(FD);
      },
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      const { words, scenario, vm } = machine;
      vm.irqfds.dispatchPending();
      requireFreshRoute(load(words, scenario.at + SEEN) !== 0, pending(machine, OLD_LPI));
    },
  },
});
