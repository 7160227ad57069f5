// One of two threads that hammer a primitive at the same time. What it did comes back as numbers.
import { parentPort, workerData } from 'node:worker_threads';
import { Bitmap } from '../../dist/src/memory/bitmap.js';
import { EventCount } from '../../dist/src/memory/event-count.js';
import { EventFd } from '../../dist/src/memory/eventfd.js';
import { Mutex } from '../../dist/src/memory/mutex.js';
import { Readers } from '../../dist/src/memory/readers.js';
import { beginRead, beginWrite, changedSince, endWrite } from '../../dist/src/memory/sequence.js';
import { NO_HANDLE, Slots, slotOf } from '../../dist/src/memory/slots.js';
import { SummaryBitmap } from '../../dist/src/memory/summary-bitmap.js';
import { add, load, peek, poke, store } from '../../dist/src/memory/word.js';

const { words, role, rounds, self, regions, bits } = workerData;
/** A wait that takes longer than this has lost its wake-up. */
const BOUND_MS = 20_000;

/** Both wait here until both are there, so that they really run at the same time. */
function meet() {
  const event = new EventCount(words, regions.start);
  add(words, regions.met.at, 1);
  event.signal();
  while (load(words, regions.met.at) < 2) {
    const ticket = event.announce();
    if (load(words, regions.met.at) >= 2) event.withdraw();
    else if (!event.park(ticket, BOUND_MS)) throw new Error('the other thread did not come');
  }
}

const ROLES = {
  /** Counts up without atomic operations, under the lock. */
  mutex() {
    const lock = new Mutex(words, regions.lock, 'the hammered lock', 10);
    for (let n = 0; n < rounds; n++) {
      lock.lock(BOUND_MS);
      poke(words, regions.data.at, peek(words, regions.data.at) + 1);
      lock.unlock();
    }
    return {};
  },

  /** The same without the lock: two threads that really meet lose counts. */
  unlocked() {
    for (let n = 0; n < rounds; n++) poke(words, regions.data.at, peek(words, regions.data.at) + 1);
    return {};
  },

  /** Takes turns: each round waits until the other has gone on. */
  turns() {
    const event = new EventCount(words, regions.event);
    for (let n = 0; n < rounds; n++) {
      for (;;) {
        if (load(words, regions.data.at) % 2 === self) break;
        const ticket = event.announce();
        if (load(words, regions.data.at) % 2 === self) event.withdraw();
        else if (!event.park(ticket, BOUND_MS)) return { lost: 1 };
      }
      add(words, regions.data.at, 1);
      event.signal();
    }
    return { lost: 0 };
  },

  sequence() {
    let torn = 0;
    let whole = 0;
    const { at } = regions.data;
    if (self === 0) {
      for (let n = 1; n <= rounds; n++) {
        beginWrite(words, regions.sequence.at);
        store(words, at, n);
        store(words, at + 1, n);
        endWrite(words, regions.sequence.at);
      }
      store(words, at + 2, 1);
      return {};
    }
    while (load(words, at + 2) === 0) {
      const seen = beginRead(words, regions.sequence.at);
      const [left, right] = [load(words, at), load(words, at + 1)];
      if (changedSince(words, regions.sequence.at, seen)) continue;
      whole++;
      if (left !== right) torn++;
    }
    return { torn, whole };
  },

  readers() {
    const readers = new Readers(words, regions.readers);
    const { at } = regions.data;
    let dead = 0;
    let sections = 0;
    if (self === 0) {
      // The other has to have had a core meanwhile.
      for (let n = 1; n <= rounds || (load(words, at + 9) < rounds / 10 && n < 1000 * rounds); n++) {
        const mine = 1 + (n % 2);
        store(words, at + mine, 1);
        const old = load(words, at);
        store(words, at, mine);
        readers.synchronize(BOUND_MS);
        store(words, at + old, 0);
      }
      store(words, at + 8, 1);
      return {};
    }
    while (load(words, at + 8) === 0) {
      readers.enter(0);
      const found = load(words, at);
      for (let look = 0; look < 3; look++) if (load(words, at + found) !== 1) dead++;
      readers.leave(0);
      store(words, at + 9, ++sections);
    }
    return { dead, sections };
  },

  /** One writes, the other reads and sleeps; counts now and then pass 2^30 and 2^60. */
  eventfd() {
    const fd = new EventFd(words, regions.eventfd);
    let sum = 0n;
    if (self === 0) {
      for (let n = 0; n < rounds; n++) {
        const value = n % 50 === 49 ? 2n ** 61n + 3n : n % 10 === 9 ? 2n ** 30n - 1n : 1n;
        if (!fd.write(value, BOUND_MS)) throw new Error('there was no room in time');
        sum += value;
      }
      // Wakes the reader for its last look.
      store(words, regions.data.at, 1);
      fd.write(1n, BOUND_MS);
      return { sum: sum + 1n };
    }
    while (load(words, regions.data.at) === 0 || fd.readable) {
      const taken = fd.read(BOUND_MS);
      if (taken === 0n) throw new Error('a write was slept through');
      sum += taken;
    }
    return { sum };
  },

  /** Both take and retire; a thread that holds a slot writes its number there and finds it again. */
  slots() {
    const slots = new Slots(words, regions.slots, 'hammered');
    let doubled = 0;
    let stale = 0;
    for (let n = 0; n < rounds; n++) {
      const handle = slots.tryTake();
      if (handle === NO_HANDLE) continue;
      const mark = regions.data.at + slotOf(handle);
      if (add(words, mark, 1) !== 0) doubled++;
      const second = slots.tryTake();
      if (second !== NO_HANDLE && add(words, regions.data.at + slotOf(second), 1) !== 0) doubled++;
      if (!slots.isLive(handle)) stale++;
      add(words, mark, -1);
      slots.retire(handle);
      if (slots.isLive(handle)) stale++;
      if (second === NO_HANDLE) continue;
      add(words, regions.data.at + slotOf(second), -1);
      slots.retire(second);
    }
    return { doubled, stale };
  },

  bitmap() {
    return play(new Bitmap(words, regions.bits));
  },

  summary() {
    return play(new SummaryBitmap(words, regions.bits, bits));
  },
};

/** Thread 0 sets, thread 1 finds and takes: the thread that added a bit counts it, and so does the thread that took it. */
function play(bitmap) {
  const { at } = regions.data;
  if (self === 0) {
    let added = 0;
    for (let n = 0; n < rounds; n++) if (bitmap.set((n * 37) % bits)) added++;
    store(words, at, 1);
    return { added };
  }
  let taken = 0;
  for (;;) {
    const last = load(words, at) === 1;
    for (let bit = bitmap.next(0); bit >= 0; bit = bitmap.next(bit + 1)) if (bitmap.claim(bit)) taken++;
    // The look that began after the last bit was set has seen everything.
    if (last) return { taken };
  }
}

meet();
parentPort.postMessage(ROLES[role]());
