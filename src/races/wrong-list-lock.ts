import { AbstractLock } from '../explore/telling/abstract-lock.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared, takeNext } from './on-machine.ts';
import { requireDelivered, requireSingleMembership } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ target: 1, onList: 1, list0: 1, list1: 1, lock0: 1, lock1: 1 });
const SPI = 40;
const VCPUS = [0, 1];

function inject(words: Words): void {
  const target = load(words, at.target);
  const lock = new AbstractLock(words, target === 0 ? at.lock0 : at.lock1);
  lock.lock();
  if (load(words, at.onList) === 0) {
    add(words, target === 0 ? at.list0 : at.list1, 1);
    store(words, at.onList, 1);
  }
  lock.unlock();
}

function latch(shared: Shared, thread: number): void {
  const { interrupts } = machineOf(shared, thread).gic;
  interrupts.latch(interrupts.find(0, SPI), SPI);
}

export const wrongListLock = defineRace<Words, Shared>({
  number: 19,
  slug: 'wrong-list-lock',
  title: 'the lock was chosen by a target that has changed since',
  component: 'vGIC pending list',
  symptom: 'duplicate, wrong vCPU',
  oracle: 'O7',
  kind: 'assertion',
  preemptions: 1,
  schedule:
    'first:read-target first:lock first:listed? ! mover:retarget | second:read-target second:lock second:listed? second:insert second:unlock | first:insert first:unlock',
  steps: {
    'first:read-target': ['load target', 'load spi[8]'],
    'first:lock': ['lock lock0', undefined],
    'first:listed?': ['load onList', 'or spi[8]'],
    'mover:retarget': ['store target', 'compareExchange spi[8]'],
    'second:read-target': ['load target', 'load spi[8]'],
    'second:lock': ['lock lock1', undefined],
    'second:listed?': ['load onList', undefined],
    'second:insert': ['add list1', undefined],
    'second:unlock': ['unlock lock1', undefined],
    'first:insert': ['add list0', 'or vcpu0.listed'],
    'first:unlock': ['unlock lock0', undefined],
  },
  reference:
    'Xen 31bc6a93a096, "arm: remove irq from inflight, then change physical affinity". KVM\'s guard is the second look after it has taken both locks, in vgic_queue_irq_unlock().',
  story:
    "An injector reads the target, takes the lock of that vCPU's list, and sees that the interrupt is on no list. Meanwhile the target changes, and a second injector does the same with the other vCPU's lock. Both insert: one interrupt is on two lists.",
  fix: "the machine's state word names the target of an interrupt, and says whether the interrupt is pending. A list is a hint: a vCPU that finds another vCPU's interrupt there takes it off and passes it on",
  lesson:
    'A lock that is chosen by a value protects nothing until the value has been read again under the lock.',
  buggy: {
    ...memory(),
    threads: {
      first: inject,
      mover: (words) => store(words, at.target, 1),
      second: inject,
    },
    finally(words) {
      requireSingleMembership(VCPUS.filter((vcpu) => load(words, vcpu === 0 ? at.list0 : at.list1) !== 0));
    },
  },
  fixed: {
    ...onMachine(
      (machine) => {
        enableSpi(machine, SPI);
      },
      { vcpus: 2 },
    ),
    threads: {
      first: (shared) => latch(shared, 3),
      mover(shared) {
        const { interrupts } = machineOf(shared, 4).gic;
        interrupts.retarget(interrupts.find(0, SPI), SPI, 1);
      },
      second: (shared) => latch(shared, 5),
    },
    finally(shared) {
      const { interrupts } = machineOf(shared, 0).gic;
      // No vCPU has taken an edge, so two edges are one interrupt. vCPU 0 looks first, and passes on the other's.
      const takenBy = VCPUS.filter((vcpu) => takeNext(interrupts, vcpu) === SPI);
      requireSingleMembership(takenBy);
      requireDelivered(1, takenBy.includes(1) ? 1 : 0);
    },
  },
});
