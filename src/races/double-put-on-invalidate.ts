import { type Handle, NO_HANDLE, Slots, slotsWords } from '../memory/slots.ts';
import { add, load, store, type Words } from '../memory/word.ts';
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
import { requireBalance, requireDelivered } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ cache: 1, ite: 1, references: 1, slots: slotsWords(1) });
const SLOTS = 'LPI record';

/** Drops the cache's reference: read, erase, put. */
function invalidate(words: Words): void {
  const record = load(words, at.cache) as Handle;
  store(words, at.cache, NO_HANDLE);
  if (record !== NO_HANDLE && add(words, at.references, -1) === 1)
    new Slots(words, regions.slots, SLOTS).retire(record);
}

const LPI = 8192;

export const doublePutOnInvalidate = defineRace<Words, Shared>({
  number: 17,
  slug: 'double-put-on-invalidate',
  title: 'two invalidations put the same reference',
  component: 'ITS translation cache',
  symptom: 'use after retirement (reference count underflow)',
  oracle: 'O6',
  kind: 'assertion',
  preemptions: 1,
  schedule:
    'command:read ! redistributor:read redistributor:erase redistributor:put | command:erase command:put',
  steps: {
    'command:read': ['load cache', 'load its0.event'],
    'redistributor:read': ['load cache', undefined],
    'redistributor:erase': ['store cache', 'add its0.epoch'],
    'redistributor:put': ['add references', undefined],
    'command:erase': ['store cache', 'add its0.epoch'],
    'command:put': ['add references', 'add lpis.mappings[0]'],
  },
  reference:
    'CVE-2026-46316; Linux 13031fb6b835, "KVM: arm64: vgic-its: Drop the translation cache reference only for the erased entry". Three callers drained the cache, under different locks, one of them under none.',
  story:
    'Two threads empty the translation cache, an ITS command and a redistributor that turns LPIs off. Both read the same entry, both erase it, and both put the one reference that the cache held. The count reaches zero while the mapping still needs the record.',
  fix: "the machine's cache holds no references: a stamp on the event is valid in one epoch, and emptying the cache moves the epoch, which can be done twice. The count of an LPI's mappings changes with a mapping only, under a lock",
  lesson: 'Put only what your own atomic erase gave you. A lock that one caller does not take is no lock.',
  buggy: {
    ...memory({ references: 2 }, (words) => {
      const slots = new Slots(words, regions.slots, SLOTS);
      slots.init();
      const record = slots.take();
      store(words, at.cache, record);
      store(words, at.ite, record);
    }),
    threads: { command: invalidate, redistributor: invalidate },
    finally(words) {
      const holders = [at.cache, at.ite].filter((holder) => load(words, holder) !== NO_HANDLE);
      requireBalance(load(words, at.references), holders.length, 'the record of the LPI');
    },
  },
  fixed: {
    ...onMachine((machine) => {
      mapDevices(machine, 1);
      mapEvent(machine, 1, 10, LPI);
      mapEvent(machine, 1, 11, LPI);
    }),
    threads: {
      command: (shared) => machineOf(shared, 2).itsDriver.send({ name: 'DISCARD', deviceId: 1, eventId: 11 }),
      redistributor: (shared) => machineOf(shared, 3).its.invalidate(),
      injector: (shared) => void sendMessage(machineOf(shared, 4), 1, 10),
    },
    finally(shared) {
      const machine = machineOf(shared, 0);
      const holders = machine.its.mappings().filter(({ lpi }) => lpi === LPI);
      requireBalance(machine.gic.lpis.mappings(LPI), holders.length, `LPI ${LPI}`);
      requireDelivered(1, pending(machine, LPI) ? 1 : 0);
    },
  },
});
