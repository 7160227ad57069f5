import { EVENTFD, EventFd } from '../memory/eventfd.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireDelivered } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ inSignal: 1, count: EVENTFD });
const SIGNALS = 2;

function signal(words: Words): void {
  if (exchange(words, at.inSignal, 1) !== 0) return;
  add(words, at.count, 1);
  store(words, at.inSignal, 0);
}

export const sharedRecursionGuard = defineRace<Words, Words>({
  number: 9,
  slug: 'shared-recursion-guard',
  title: 'a guard against re-entry that is not private to its thread',
  component: 'eventfd signal',
  symptom: 'lost interrupt',
  oracle: 'O2',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'first:guard ! second:guard | first:count first:clear',
  steps: {
    'first:guard': ['exchange inSignal', 'load count'],
    'second:guard': ['exchange inSignal', 'load count'],
    'first:count': ['add count', 'compareExchange count'],
    'first:clear': ['store inSignal', undefined],
  },
  reference:
    'Linux b542e383d8c0, "eventfd: Make signal recursion protection a task bit"; before it a counter for each CPU warned, and dropped the signal.',
  story:
    'Signalling an eventfd must not re-enter itself, so a flag says that a signal is under way. A second thread meets the flag, takes the flag for its own recursion, and returns without having counted: its signal is lost.',
  fix: "the machine's EventFd has no such guard: a write is one compare-and-swap and calls no function back",
  lesson:
    'Recursion is a property of one call stack; a guard against recursion belongs to that stack. A call that really recurses has to defer its work, not drop it.',
  buggy: {
    ...memory(),
    threads: { first: signal, second: signal },
    finally(words) {
      requireDelivered(SIGNALS, load(words, at.count));
    },
  },
  fixed: {
    ...memory(),
    threads: {
      first: (words) => void new EventFd(words, regions.count).write(),
      second: (words) => void new EventFd(words, regions.count).write(),
    },
    finally(words) {
      requireDelivered(SIGNALS, Number(new EventFd(words, regions.count).tryRead()));
    },
  },
});
