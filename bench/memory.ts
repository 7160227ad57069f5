import { pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';
import { Bitmap } from '../src/memory/bitmap.ts';
import { EVENT_COUNT, EventCount } from '../src/memory/event-count.ts';
import { EVENTFD, EventFd } from '../src/memory/eventfd.ts';
import { Layout } from '../src/memory/layout.ts';
import { MUTEX, Mutex } from '../src/memory/mutex.ts';
import { Readers, readersWords } from '../src/memory/readers.ts';
import { Slots, slotsWords } from '../src/memory/slots.ts';
import { SummaryBitmap, summaryBitmapWords } from '../src/memory/summary-bitmap.ts';
import { add, load, store } from '../src/memory/word.ts';
import { table } from '../src/report/table.ts';

/** ns an operation, uncontended, and as a multiple of one atomic addition measured in the same run. */
export type PrimitiveCost = { readonly name: string; readonly ns: number; readonly additions: number };

const BITS = 65_536;
/** One call of a task does this many operations, so that the call itself does not count. */
const REPEATS = 1_000;
const CALIBRATION = 'one atomic addition';

/** The cost of each primitive of the floor of memory on one undisturbed thread. */
export async function run(): Promise<PrimitiveCost[]> {
  const layout = new Layout();
  const at = {
    word: layout.region('word', 1),
    bitmap: layout.region('bitmap', BITS / 32),
    summary: layout.region('summary', summaryBitmapWords(BITS)),
    event: layout.place('event', EVENT_COUNT),
    mutex: layout.place('mutex', MUTEX),
    readers: layout.region('readers', readersWords(4)),
    eventfd: layout.place('eventfd', EVENTFD),
    slots: layout.region('slots', slotsWords(64)),
  };
  const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  const bitmap = new Bitmap(words, at.bitmap);
  const summary = new SummaryBitmap(words, at.summary, BITS);
  const event = new EventCount(words, at.event);
  const mutex = new Mutex(words, at.mutex, 'the benchmark');
  const readers = new Readers(words, at.readers);
  const eventfd = new EventFd(words, at.eventfd);
  const slots = new Slots(words, at.slots, 'benchmark');
  eventfd.init();
  slots.init();

  const operations: Readonly<Record<string, (i: number) => void>> = {
    [CALIBRATION]: () => add(words, at.word.at, 1),
    'load, store': () => store(words, at.word.at, load(words, at.word.at)),
    'bitmap: set, claim': (i) => {
      bitmap.set(i);
      bitmap.claim(i);
    },
    'summary bitmap of 65,536: set, next, claim': (i) => {
      const bit = 8192 + (i & 1023);
      summary.set(bit);
      summary.claim(summary.next(0));
    },
    'event count: signal with no thread asleep': () => event.signal(),
    'mutex: lock, unlock': () => {
      mutex.lock();
      mutex.unlock();
    },
    'reader section: enter, leave': () => {
      readers.enter(1);
      readers.leave(1);
    },
    'eventfd: write, drain': () => {
      eventfd.tryWrite(1);
      eventfd.drain();
    },
    'slots: take, retire': () => slots.retire(slots.take()),
  };
  const bench = new Bench({ time: 150, warmupTime: 50 });
  for (const [name, operation] of Object.entries(operations)) {
    bench.add(name, () => {
      for (let i = 0; i < REPEATS; i++) operation(i);
    });
  }
  await bench.run();
  const ns = (name: string) => {
    const result = bench.getTask(name)?.result;
    if (result?.state !== 'completed') throw new Error(`the benchmark of "${name}" did not complete`);
    return (result.latency.p50 * 1e6) / REPEATS;
  };
  return Object.keys(operations).map((name) => ({
    name,
    ns: ns(name),
    additions: ns(name) / ns(CALIBRATION),
  }));
}

export function format(costs: readonly PrimitiveCost[]): string {
  return table(
    ['primitive, uncontended', 'ns, median', 'in atomic additions'],
    costs.map(({ name, ns, additions }) => [name, ns.toFixed(1), additions.toFixed(2)]),
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(format(await run()));
