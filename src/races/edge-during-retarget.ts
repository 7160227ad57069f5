import type { VcpuId } from '../arch/intid.ts';
import { NONE } from '../gic/interrupts.ts';
import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { machineOf, mapDevices, mapEvent, onMachine, pending, type Shared, takeNext } from './on-machine.ts';
import { requireDelivered, requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({
  edges: 1,
  seenByOld: 1,
  seenByNew: 1,
  inProgress: 1,
  target: 1,
  edgeAtNew: 1,
});
const LPI = 8192;
const EDGES = 0;
/** By vCPU: the number of the last edge before its handler began. */
const SEEN = 1;

function handleAll(shared: Shared, vcpu: VcpuId): void {
  const { words, scenario, gic } = machineOf(shared, 1 + vcpu);
  while (takeNext(gic.interrupts, vcpu) !== NONE)
    store(words, scenario.at + SEEN + vcpu, load(words, scenario.at + EDGES));
}

function raiseEdge(shared: Shared, thread: number): void {
  const { words, scenario, gic } = machineOf(shared, thread);
  add(words, scenario.at + EDGES, 1);
  gic.lpis.latch(LPI);
}

export const edgeDuringRetarget = defineRace<Words, Shared>({
  number: 20,
  slug: 'edge-during-retarget',
  title: 'the next edge lands on the new CPU while the old one still runs the handler',
  component: 'LPI affinity',
  symptom: 'lost interrupt',
  oracle: 'O2',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'oldCpu:start ! mover:retarget mover:edge | newCpu:busy-ack | oldCpu:finish',
  steps: {
    'oldCpu:start': ['store inProgress', 'compareExchange lpi[0]'],
    'mover:retarget': ['store target', 'compareExchange lpi[0]'],
    'mover:edge': ['notify edgeAtNew', 'or lpi[0]'],
    'newCpu:busy-ack': ['load inProgress', 'compareExchange lpi[0]'],
    'oldCpu:finish': ['store inProgress', undefined],
  },
  reference:
    'Linux 9c15eeb5362c lets the fasteoi flow handler resend an interrupt that came while it was busy; we read the commit by its subject, and handle_fasteoi_irq() as it is today. The flow handler is used for LPIs of the ITS, which have no active state to hold the second edge back. A later discussion reports a storm of resends where the newcomer retries.',
  story:
    'The old CPU handles an interrupt. Meanwhile the interrupt is retargeted to another CPU, and fires again there. The new CPU finds that a handler is running, acknowledges and leaves: the edge is gone, and the running handler has looked at the device already.',
  fix: "the machine's state word: an edge is a bit that only an acknowledge clears, and an interrupt that is retargeted while it is pending stays pending",
  lesson:
    'A CPU that leaves early because another is busy has to leave a mark that the busy CPU finds when it is done. Let the CPU that finishes replay the interrupt.',
  buggy: {
    ...memory({ edges: 1 }),
    threads: {
      oldCpu(words) {
        const edges = load(words, at.edges);
        store(words, at.inProgress, 1);
        store(words, at.seenByOld, edges);
        store(words, at.inProgress, 0);
      },
      mover(words) {
        store(words, at.target, 1);
        add(words, at.edges, 1);
        store(words, at.edgeAtNew, 1);
        wake(words, at.edgeAtNew);
      },
      newCpu(words) {
        sleepWhile(words, at.edgeAtNew, 0, FOREVER);
        if (load(words, at.inProgress) !== 0) return;
        store(words, at.seenByNew, load(words, at.edges));
      },
    },
    finally(words) {
      const seen = Math.max(load(words, at.seenByOld), load(words, at.seenByNew));
      requireDelivered(load(words, at.edges), seen);
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 1, LPI);
        raiseEdge(machine.shared, 0);
      },
      { vcpus: 2 },
    ),
    threads: {
      oldCpu: (shared) => handleAll(shared, 0),
      mover(shared) {
        machineOf(shared, 3).gic.lpis.retarget(LPI, 1);
        raiseEdge(shared, 3);
      },
      newCpu: (shared) => handleAll(shared, 1),
    },
    finally(shared) {
      // Both vCPUs look once more, as their bells make them do.
      for (const vcpu of [0, 1, 0]) handleAll(shared, vcpu);
      const machine = machineOf(shared, 0);
      const { words, scenario } = machine;
      requireNoStrandedWork(true, pending(machine, LPI), 'the target');
      const seen = Math.max(load(words, scenario.at + SEEN), load(words, scenario.at + SEEN + 1));
      requireDelivered(load(words, scenario.at + EDGES), seen);
      // The next edge goes to the new CPU.
      raiseEdge(shared, 0);
      handleAll(shared, 1);
      requireDelivered(load(words, scenario.at + EDGES), load(words, scenario.at + SEEN + 1));
    },
  },
});
