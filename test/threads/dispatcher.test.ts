import { expect, test } from 'vitest';
import { Clock, startClock } from '../../src/measure/clock.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../../src/memory/event-count.ts';
import { Dispatcher } from '../../src/threads/dispatcher.ts';

/** A dispatcher of signals that `pending` counts, and what it has served. */
function makeDispatcher(take: () => number) {
  const words = new Int32Array(new SharedArrayBuffer(4 * (EVENT_COUNT_WORDS + 2)));
  const clockAt = { at: EVENT_COUNT_WORDS, words: 2 };
  startClock(words, clockAt);
  const bell = new EventCount(words, { at: 0, words: EVENT_COUNT_WORDS });
  const state = { pending: 0, served: 0 };
  const dispatched = {
    bell,
    get anyPending() {
      return state.pending > 0;
    },
    dispatchPending() {
      const served = take() + state.pending;
      state.served += served;
      state.pending = 0;
      return served;
    },
  };
  return { dispatcher: new Dispatcher(dispatched, new Clock(words, clockAt)), bell, state };
}

test('a device that signals without end leaves timers and messages of the main thread their turn', async () => {
  const { dispatcher, state } = makeDispatcher(() => 1);
  const running = dispatcher.start();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(state.served).toBeGreaterThan(0);
  // Ends, too: what is still signalled afterwards is served once.
  await dispatcher.stop();
  await running;
});

test('a signal that comes after a long silence, when the main thread sleeps in the event loop, is served', async () => {
  const { dispatcher, bell, state } = makeDispatcher(() => 0);
  void dispatcher.start();
  while (!bell.asleep) await new Promise((resolve) => setTimeout(resolve, 10));
  state.pending = 1;
  bell.signal();
  while (state.served === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(state.served).toBe(1);
  await dispatcher.stop();
});
