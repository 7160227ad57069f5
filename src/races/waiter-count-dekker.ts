import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { EVENT_COUNT, EventCount, FOREVER } from '../memory/event-count.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ locked: 1, waiters: 1, bell: EVENT_COUNT });

export const waiterCountDekker = defineRace<Words, Words>({
  number: 5,
  slug: 'waiter-count-dekker',
  title: '"no waiters, skip the wake" reads too early',
  component: 'futex, notifier fast path',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'orphan-wait',
  preemptions: 1,
  schedule: 'waiter:load-value ! waker:store-value waker:load-waiters | waiter:count waiter:enqueue',
  steps: {
    'waiter:load-value': 'load locked',
    'waker:store-value': 'store locked',
    'waker:load-waiters': ['load waiters', 'load bell'],
    'waiter:count': ['add waiters', undefined],
    'waiter:enqueue': ['wait bell', 'wait bell'],
  },
  reference:
    'Linux 76835b0ebf8a (the futex fast path on a multi-cluster arm64), 0d7bae69c574 (io_uring), QEMU 5710a3e09f9b (a main loop that hung on aarch64 alone). A relative in an emulator: miri issue 2223.',
  story:
    'A waiter reads that the lock is taken. Then the owner releases the lock, finds no waiters counted, and skips the wake. Only now the waiter counts itself, and sleeps on a lock that is free.',
  fix: "the machine's EventCount: a sleeper counts itself first and then looks, a waker publishes first and then reads the count of sleepers",
  lesson:
    'A fast path that skips the wake is half of a handshake. The waiter has to count itself before it looks at the word that it waits for.',
  buggy: {
    ...memory({ locked: 1 }),
    threads: {
      waiter(words) {
        if (load(words, at.locked) === 0) return;
        add(words, at.waiters, 1);
        sleepWhile(words, at.bell, 0, FOREVER);
      },
      waker(words) {
        store(words, at.locked, 0);
        if (load(words, at.waiters) === 0) return;
        store(words, at.bell, 1);
        wake(words, at.bell);
      },
    },
  },
  fixed: {
    ...memory({ locked: 1 }),
    threads: {
      waiter(words) {
        const bell = new EventCount(words, regions.bell);
        while (load(words, at.locked) !== 0) {
          const ticket = bell.announce();
          if (load(words, at.locked) === 0) bell.withdraw();
          else bell.park(ticket);
        }
      },
      waker(words) {
        store(words, at.locked, 0);
        new EventCount(words, regions.bell).signal();
      },
    },
  },
});
