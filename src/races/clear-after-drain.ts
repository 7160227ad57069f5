import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { EVENTFD, EventFd } from '../memory/eventfd.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ queue: 1, event: EVENTFD });
const ITEMS = 2;

function produce(words: Words): void {
  add(words, at.queue, 1);
  store(words, at.event, 1);
  wake(words, at.event);
}

function produceByEventFd(words: Words): void {
  add(words, at.queue, 1);
  new EventFd(words, regions.event).write();
}

const queueEmpty = (words: Words) => requireNoStrandedWork(true, load(words, at.queue) !== 0, 'the consumer');

export const clearAfterDrain = defineRace<Words, Words>({
  number: 6,
  slug: 'clear-after-drain',
  title: 'the consumer clears the signal after it has taken the work',
  component: 'eventfd consumer',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'lost-wakeup',
  preemptions: 1,
  schedule:
    'producer1:push producer1:signal | consumer:wait consumer:drain ! producer2:push producer2:signal | consumer:clear consumer:sleep',
  steps: {
    'producer1:push': 'add queue',
    'producer1:signal': ['notify event', 'rest'],
    'consumer:wait': ['wait event', 'compareExchange event'],
    'consumer:drain': 'exchange queue',
    'producer2:push': 'add queue',
    'producer2:signal': ['notify event', 'rest'],
    'consumer:clear': ['store event', undefined],
    'consumer:sleep': ['wait event', undefined],
  },
  reference:
    'QEMU keeps a Promela model of this fault in its AioContext (docs/spin/aio_notify_bug.promela). Linux 7b444c6710c6 repaired the same order in Book3S HV: a thread has to clear its wake-up IPI before it loads its work pointer.',
  story:
    'The consumer wakes and empties the queue. A second producer pushes an item and sets the event, which is set already. Then the consumer clears the event, and with the event the only sign of the new item, and sleeps.',
  fix: "the machine's EventFd: a read takes the count away first, and the queue is emptied after. A signal that comes late costs one look in vain",
  lesson: 'Clear first, then drain. A signal has to be cleared before the look that the signal asks for.',
  buggy: {
    ...memory(),
    threads: {
      consumer(words) {
        for (let taken = 0; taken < ITEMS; ) {
          sleepWhile(words, at.event, 0, FOREVER);
          taken += exchange(words, at.queue, 0);
          store(words, at.event, 0);
        }
      },
      producer1: produce,
      producer2: produce,
    },
    finally: queueEmpty,
  },
  fixed: {
    ...memory(),
    threads: {
      consumer(words) {
        const event = new EventFd(words, regions.event);
        for (let taken = 0; taken < ITEMS; ) {
          event.read();
          taken += exchange(words, at.queue, 0);
        }
      },
      producer1: produceByEventFd,
      producer2: produceByEventFd,
    },
    finally: queueEmpty,
  },
});
