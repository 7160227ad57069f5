import type { Intid } from '../arch/intid.ts';
import { AbstractLock } from '../explore/telling/abstract-lock.ts';
import { prune } from '../gic/queueing.ts';
import { TARGET, TARGET_SHIFT } from '../gic/state.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { machineOf, mapDevices, mapEvent, onMachine, type Shared, takeNext } from './on-machine.ts';
import { requireDelivered, requireSingleMembership } from './oracles.ts';
import { defineRace } from './race.ts';

/** `owner`: the vCPU that has the interrupt on its list, counted from 1; 0 for none (KVM: irq->vcpu). */
const { at, memory } = model({ target: 1, owner: 1, list0: 1, list1: 1, lock: 1 });
const LPI: Intid = 8192;
const OFF = 0;
const EDGES = 1;

/** Moves the interrupt from the list of vCPU 0 to that of vCPU 1. */
function migrate(words: Words): void {
  add(words, at.list0, -1);
  add(words, at.list1, 1);
  store(words, at.owner, 2);
}

export const prunedAfterFlush = defineRace<Words, Shared>({
  number: 31,
  slug: 'pruned-after-flush',
  title: 'the target is looked at again, and the owner is not',
  component: 'vGIC pending list, GICR_CTLR.EnableLPIs',
  symptom: 'corrupted list: an interrupt twice on one, removed twice from another',
  oracle: 'O7',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'vcpu:look vcpu:unlock ! redistributor:flush | device:queue | vcpu:migrate',
  steps: {
    'vcpu:look': ['load target', 'load lpi[0]'],
    'vcpu:unlock': ['unlock lock', 'load vcpu0.listed'],
    'redistributor:flush': ['rest', 'rest'],
    'device:queue': ['rest', 'rest'],
    'vcpu:migrate': ['add list1', 'rest'],
  },
  reference:
    'CVE-2026-72289; Linux 0074b82cdfcb, "KVM: arm64: vgic: Check the interrupt is still ours before migrating it".',
  story:
    'A vCPU that prunes its list drops its locks, to take those of two lists in order, and then checks that the interrupt still has the new target. Meanwhile a thread that turns LPIs off has taken the interrupt off the list: the target is as before, but the interrupt is on no list. A device signals it, which queues it on the list of the new target. Then the vCPU removes it from its own list a second time, and queues it on the other a second time.',
  fix: "the machine's list has a bit for each interrupt, and exactly one thread clears it. That thread looks at the state afterwards, and lists the interrupt anew if it must be listed. KVM also checks that the interrupt is still on the list of this vCPU (irq->vcpu == vcpu)",
  lesson:
    'After a lock was dropped, check what the next step relies on: that the target is the same does not say that the interrupt is still on this list.',
  buggy: {
    ...memory({ target: 1, owner: 1, list0: 1 }),
    threads: {
      vcpu(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        const hasMoved = load(words, at.owner) === 1 && load(words, at.target) === 1;
        lock.unlock();
        if (!hasMoved) return;
        lock.lock();
        if (load(words, at.target) === 1) migrate(words);
        lock.unlock();
      },
      redistributor(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        if (load(words, at.owner) === 1) {
          add(words, at.list0, -1);
          store(words, at.owner, 0);
        }
        lock.unlock();
      },
      device(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        if (load(words, at.owner) === 0) {
          add(words, at.list1, 1);
          store(words, at.owner, 2);
        }
        lock.unlock();
      },
    },
    finally(words) {
      requireSingleMembership(Array.from({ length: load(words, at.list1) }, () => 1));
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        mapDevices(machine, 1);
        mapEvent(machine, 1, 1, LPI);
        machine.gic.lpis.latch(LPI);
        const { interrupts } = machine.gic;
        // The LPI is still on the list of vCPU 0.
        interrupts.amend(interrupts.find(0, LPI), TARGET, 1 << TARGET_SHIFT);
      },
      { vcpus: 2 },
    ),
    threads: {
      vcpu: (shared) => prune(machineOf(shared, 1).gic.interrupts, 0),
      redistributor(shared) {
        const { gic, words, scenario } = machineOf(shared, 3);
        gic.lpis.forget(0);
        store(words, scenario.at + OFF, 1);
      },
      device(shared) {
        const { gic, words, scenario } = machineOf(shared, 4);
        // An earlier pending bit may be lost; an edge behind the write to GICR_CTLR must not be.
        const isOff = load(words, scenario.at + OFF);
        gic.lpis.latch(LPI);
        store(words, scenario.at + EDGES, isOff);
      },
    },
    finally(shared) {
      const { gic, words, scenario } = machineOf(shared, 0);
      const { interrupts } = gic;
      requireSingleMembership([0, 1].filter((vcpu) => interrupts.isListed(vcpu, LPI)));
      const takenBy = [0, 1, 1].filter((vcpu) => takeNext(interrupts, vcpu) === LPI);
      requireSingleMembership(takenBy);
      requireDelivered(load(words, scenario.at + EDGES), takenBy.includes(1) ? 1 : 0);
    },
  },
});
