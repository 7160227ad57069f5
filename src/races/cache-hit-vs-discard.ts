import { type Handle, NO_HANDLE, Slots, slotOf, slotsWords } from '../memory/slots.ts';
import { add, exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import {
  machineOf,
  mapDevices,
  mapEvent,
  onMachine,
  pending,
  type Shared,
  sendMessage,
} from './on-machine.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ cache: 1, ite: 1, references: 1, pending: 2, slots: slotsWords(1) });
const SLOTS = 'LPI record';

function put(words: Words, handle: Handle): void {
  if (handle !== NO_HANDLE && add(words, at.references, -1) === 1)
    new Slots(words, regions.slots, SLOTS).retire(handle);
}

const DISCARDED = 8192;
const OTHER = 8193;

export const cacheHitVsDiscard = defineRace<Words, Shared>({
  number: 16,
  slug: 'cache-hit-vs-discard',
  title: 'the cache hands out a record without a reference',
  component: 'ITS translation cache',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'injector:lookup ! guest:drop-cache guest:free-ite | injector:set-pending',
  steps: {
    'injector:lookup': ['load cache', 'load its0.event'],
    'guest:drop-cache': ['exchange cache', 'add its0.epoch'],
    'guest:free-ite': 'rest',
    'injector:set-pending': ['store pending', 'or lpi[0]'],
  },
  reference:
    'CVE-2024-26598; Linux ad362fe07fec, "KVM: arm64: vgic-its: Avoid potential UAF in LPI translation cache".',
  story:
    'An injector finds the record of an LPI in the translation cache. Before the injector uses the record, the guest discards the event: the reference of the cache is put, then the reference of the mapping, the count reaches zero and the record is retired. Then the injector marks the record pending, and the record may belong to another interrupt by now.',
  fix: "the machine's ITS: the look-up and the latch happen within one reader section, and a discard waits for all of these sections before the LPI ends and its slot is used again",
  lesson:
    'A pointer out of a shared table needs a reference, or a section, that was there before the lock was dropped.',
  buggy: {
    ...memory({ references: 2 }, (words) => {
      const slots = new Slots(words, regions.slots, SLOTS);
      slots.init();
      const record = slots.take();
      store(words, at.cache, record);
      store(words, at.ite, record);
    }),
    threads: {
      injector(words) {
        const record = load(words, at.cache) as Handle;
        if (record === NO_HANDLE) return;
        store(words, at.pending + slotOf(record), 1);
        // The record must have lived until here.
        new Slots(words, regions.slots, SLOTS).use(record);
      },
      guest(words) {
        put(words, exchange(words, at.cache, NO_HANDLE) as Handle);
        put(words, exchange(words, at.ite, NO_HANDLE) as Handle);
      },
    },
  },
  fixed: {
    ...onMachine((machine) => {
      mapDevices(machine, 1);
      mapEvent(machine, 1, 10, DISCARDED);
    }),
    threads: {
      injector: (shared) => void sendMessage(machineOf(shared, 2), 1, 10),
      guest(shared) {
        // The second command reuses the first event's slot at once, for another LPI.
        machineOf(shared, 3).itsDriver.send(
          { name: 'DISCARD', deviceId: 1, eventId: 10 },
          { name: 'MAPTI', deviceId: 1, eventId: 11, lpi: OTHER, collectionId: 0 },
        );
      },
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      requireExplained(
        pending(machine, DISCARDED),
        machine.gic.lpis.isMapped(DISCARDED),
        'an LPI that had ended',
      );
      requireExplained(pending(machine, OTHER), false, 'another LPI in the same slot');
    },
  },
});
