import { LINE } from '../gic/state.ts';
import { FOREVER } from '../memory/event-count.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { load, lower, raise, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared, stateOf } from './on-machine.ts';
import { requireLineTruth } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ sources: 1, line: 1 });
const FIRST = 1 << 0;
const SECOND = 1 << 1;
const SPI = 40;
/** The machine's scenario words: the bitmap of sources, and its lock on another line. */
const SOURCES = 0;
const LOCK = 15;

/** Changes a source and drives the wire by the OR of all sources, holding the wire's lock over both. */
function setSource(shared: Shared, thread: number, source: number, high: boolean): void {
  const { words, scenario, gic } = machineOf(shared, thread);
  const { interrupts } = gic;
  const lock = new Mutex(words, { at: scenario.at + LOCK, words: MUTEX.words }, 'the lock of the wire', 0);
  // guard: wire-has-lock
  lock.lock(FOREVER);
  if (high) raise(words, scenario.at + SOURCES, source);
  else lower(words, scenario.at + SOURCES, source);
  interrupts.drive(interrupts.find(0, SPI), SPI, load(words, scenario.at + SOURCES) !== 0);
  lock.unlock();
}

export const lineOrRace = defineRace<Words, Shared>({
  number: 21,
  slug: 'line-or-race',
  title: 'two sources share a line, and the stale OR is driven last',
  component: 'level line, shared GSI',
  symptom: 'stuck level line',
  oracle: 'O4',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'lowers:clear lowers:or ! raises:set raises:or raises:drive | lowers:drive',
  steps: {
    'lowers:clear': ['and sources', 'and scenario[0]'],
    'lowers:or': ['load sources', 'load scenario[0]'],
    'raises:set': ['or sources', 'or scenario[0]'],
    'raises:or': ['load sources', 'load scenario[0]'],
    'raises:drive': ['store line', 'compareExchange spi[8]'],
    'lowers:drive': ['store line', 'compareExchange spi[8]'],
  },
  reference: 'Linux 1a577b72475d, "KVM: fix race with level interrupts".',
  story:
    'One source goes low and computes that no source is high any more. Before it drives the line, another source goes high and drives the line high. Then the first source drives the level that it has computed: low. The second source stays high and will not raise the line again.',
  fix: "one lock (the machine's Mutex) over the bitmap, the OR and Interrupts.drive, which moves the wire in the interrupt's one state word",
  lesson:
    'Atomic accesses do not make the whole atomic. A value that was computed from shared state is old as soon as it is computed.',
  buggy: {
    ...memory({ sources: FIRST, line: 1 }),
    threads: {
      lowers(words) {
        lower(words, at.sources, FIRST);
        const level = load(words, at.sources) !== 0;
        store(words, at.line, level ? 1 : 0);
      },
      raises(words) {
        raise(words, at.sources, SECOND);
        const level = load(words, at.sources) !== 0;
        store(words, at.line, level ? 1 : 0);
      },
    },
    finally(words) {
      requireLineTruth(load(words, at.line) !== 0, load(words, at.sources) !== 0);
    },
  },
  fixed: {
    ...onMachine((machine) => {
      enableSpi(machine, SPI, 0);
      setSource(machine.shared, 0, FIRST, true);
    }),
    threads: {
      lowers: (shared) => setSource(shared, 1, FIRST, false),
      raises: (shared) => setSource(shared, 2, SECOND, true),
    },
    finally(shared) {
      const { words, scenario, gic } = machineOf(shared, 0);
      requireLineTruth((stateOf(gic.interrupts, SPI) & LINE) !== 0, load(words, scenario.at + SOURCES) !== 0);
    },
  },
});
