import { AbstractLock } from '../explore/telling/abstract-lock.ts';
import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { EVENTFD, EventFd } from '../memory/eventfd.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ count: EVENTFD, lock: 1, queued: 1, woken: 1 });

export const compareThenEnqueue = defineRace<Words, Words>({
  number: 2,
  slug: 'compare-then-enqueue',
  title: 'the park primitive compares the value before it joins the list of waiters',
  component: 'park primitive, eventfd poll',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'orphan-wait',
  preemptions: 1,
  schedule:
    'vcpu:load-count ! device:lock device:add device:wake-queued device:unlock | vcpu:lock vcpu:enqueue vcpu:unlock vcpu:sleep',
  steps: {
    'vcpu:load-count': 'load count',
    'device:lock': ['lock lock', undefined],
    'device:add': ['add count', 'compareExchange count'],
    'device:wake-queued': ['exchange queued', 'load count'],
    'device:unlock': ['unlock lock', undefined],
    'vcpu:lock': ['lock lock', undefined],
    'vcpu:enqueue': ['store queued', undefined],
    'vcpu:unlock': ['unlock lock', undefined],
    'vcpu:sleep': ['wait woken', undefined],
  },
  reference:
    'WebKit pull request 7048: Atomics.wait and waitAsync compared the value before they took the lock of the waiter list, and workers hung. The comment inside eventfd_poll() in Linux shows this order as the wrong one.',
  story:
    'A vCPU that wants to sleep looks at the count: zero. Then a device raises the count, and looks into the list of waiters: empty. Then the vCPU joins the list and sleeps, though the count is not zero any more.',
  fix: "the machine's EventFd: it sleeps on a word by Atomics.wait, which compares and joins the waiters in one step, with a ticket that was drawn before the look at the count",
  lesson:
    'Comparing and joining are one critical section. This is a fault of the primitive; check-then-halt is the same fault in the code that uses the primitive. Test both.',
  buggy: {
    ...memory(),
    threads: {
      vcpu(words) {
        if (load(words, at.count) !== 0) return;
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        store(words, at.queued, 1);
        lock.unlock();
        sleepWhile(words, at.woken, 0, FOREVER);
      },
      device(words) {
        const lock = new AbstractLock(words, at.lock);
        lock.lock();
        add(words, at.count, 1);
        const waits = exchange(words, at.queued, 0) !== 0;
        lock.unlock();
        if (!waits) return;
        store(words, at.woken, 1);
        wake(words, at.woken);
      },
    },
  },
  fixed: {
    ...memory(),
    threads: {
      vcpu: (words) => void new EventFd(words, regions.count).read(),
      device: (words) => void new EventFd(words, regions.count).write(),
    },
    finally(words) {
      requireNoStrandedWork(true, new EventFd(words, regions.count).readable, 'the reader');
    },
  },
});
