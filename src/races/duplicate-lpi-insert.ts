import { add, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { machineOf, onMachine, type Shared, type SmallMachine } from './on-machine.ts';
import { requireBalance, requireReady } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ table: 1, records: 1, mappedByA: 1, mappedByB: 1 });
const LPI = 8192;

/** MAPTI: finds the LPI's record or makes one, and maps an event to the record. */
function mapEvent(words: Words, mapping: number): void {
  let record = load(words, at.table);
  if (record === 0) {
    record = add(words, at.records, 1) + 1;
    store(words, at.table, record);
  }
  store(words, mapping, record);
}

/** Brings the LPI to life, as each of two ITSes does at its MAPTI. */
function bringToLife({ gic }: SmallMachine): void {
  const { lpis } = gic;
  if (!lpis.map(LPI)) return;
  lpis.retarget(LPI, 0);
  lpis.configure(LPI, lpis.configByte(LPI) ?? 0);
}

export const duplicateLpiInsert = defineRace<Words, Shared>({
  number: 18,
  slug: 'duplicate-lpi-insert',
  title: 'two look-ups miss, two inserts succeed',
  component: 'ITS MAPTI, LPI table',
  symptom: 'duplicate record, lost interrupt',
  oracle: 'O6',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'itsB:lookup ! itsA:lookup itsA:insert itsA:map | itsB:insert itsB:map',
  steps: {
    'itsB:lookup': ['load table', 'compareExchange lpis.lock'],
    'itsA:lookup': ['load table', undefined],
    'itsA:insert': ['store table', 'add lpis.mappings'],
    'itsA:map': ['store mappedByA', undefined],
    'itsB:insert': ['store table', 'add lpis.mappings'],
    'itsB:map': ['store mappedByB', undefined],
  },
  reference:
    'The comment in vgic_add_lpi(), which looks again under the lock because two ITSes may map one INTID; Linux 481c9ee846d2 keeps that critical section.',
  story:
    'Two ITSes map the same LPI. Both look for its record, and find none. Both make a record and put it into the table, the second over the first. Now there are two records of one interrupt, and each has an enable, a target and a pending bit of its own.',
  fix: "the machine's LPIs: a state word and a count of mappings for each, and a lock over the first and the last. Exactly one of two commands is told that it was the first",
  lesson: 'Look up, allocate, then look up again inside the lock, and adopt the record that won.',
  buggy: {
    ...memory(),
    threads: {
      itsA: (words) => mapEvent(words, at.mappedByA),
      itsB: (words) => mapEvent(words, at.mappedByB),
    },
    finally(words) {
      requireBalance(load(words, at.records), 1, 'the INTID, in records,');
    },
  },
  fixed: {
    ...onMachine(() => {}),
    threads: {
      itsA: (shared) => bringToLife(machineOf(shared, 2)),
      itsB(shared) {
        // The DISCARD, so that the other thread's mapping is the last or the only one.
        bringToLife(machineOf(shared, 3));
        machineOf(shared, 3).gic.lpis.unmap(LPI);
      },
    },
    finally(shared) {
      const { lpis } = machineOf(shared, 0).gic;
      requireBalance(lpis.mappings(LPI), 1, `LPI ${LPI}`);
      requireReady(lpis.isMapped(LPI) && lpis.targetOf(LPI) === 0, `LPI ${LPI}, which is mapped to vCPU 0,`);
    },
  },
});
