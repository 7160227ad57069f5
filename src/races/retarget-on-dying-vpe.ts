import { FOREVER } from '../memory/event-count.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { type Handle, NO_HANDLE, Slots, slotOf, slotsWords } from '../memory/slots.ts';
import { load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ doorbell: 1, target: 2, lock: MUTEX, slots: slotsWords(1) });
const SLOTS = 'vPE';

const slotsOf = (words: Words) => new Slots(words, regions.slots, SLOTS);
const lockOf = (words: Words) => new Mutex(words, regions.lock, "the vPE's lock", 0);

const oneVpe = memory({}, (words) => {
  slotsOf(words).init();
  store(words, at.doorbell, slotsOf(words).take());
});

export const retargetOnDyingVpe = defineRace<Words, Words>({
  number: 28,
  slug: 'retarget-on-dying-vpe',
  title: 'a handle that can still be seen leads to an object that is unmapped',
  component: 'ITS vPE teardown',
  symptom: 'use after retirement',
  oracle: 'O5',
  kind: 'exception',
  preemptions: 1,
  schedule: 'affinity:visible? ! teardown:unmap teardown:hide | affinity:move',
  steps: {
    'affinity:visible?': 'load doorbell',
    'teardown:unmap': ['compareExchange slots', undefined],
    'teardown:hide': ['rest', 'rest'],
    'affinity:move': ['store target', undefined],
  },
  reference: 'CVE-2024-50192; Linux 1442ee001198, "irqchip/gic-v4: Don\'t allow a VMOVP on a dying VPE".',
  story:
    'One thread changes the affinity of a doorbell interrupt, and sees that the doorbell is there. Meanwhile teardown unmaps the vPE, and then hides the doorbell. The first thread issues the move all the same, for a vPE that is gone.',
  fix: "the mover checks that the vPE lives under the lock under which its teardown ends the vPE (the machine's Mutex and Slots; it has no vPEs itself)",
  lesson: 'A visible object need not be alive. Check under the lock that its teardown takes.',
  buggy: {
    ...oneVpe,
    threads: {
      affinity(words) {
        const vpe = load(words, at.doorbell) as Handle;
        if (vpe === NO_HANDLE) return;
        store(words, at.target + slotOf(vpe), 1);
        slotsOf(words).use(vpe);
      },
      teardown(words) {
        slotsOf(words).retire(load(words, at.doorbell) as Handle);
        store(words, at.doorbell, NO_HANDLE);
      },
    },
  },
  fixed: {
    ...oneVpe,
    threads: {
      affinity(words) {
        const vpe = load(words, at.doorbell) as Handle;
        const lock = lockOf(words);
        lock.lock(FOREVER);
        if (slotsOf(words).isLive(vpe)) {
          store(words, at.target + slotOf(vpe), 1);
          slotsOf(words).use(vpe);
        }
        lock.unlock();
      },
      teardown(words) {
        const lock = lockOf(words);
        lock.lock(FOREVER);
        slotsOf(words).retire(load(words, at.doorbell) as Handle);
        store(words, at.doorbell, NO_HANDLE);
        lock.unlock();
      },
    },
    finally(words) {
      requireExplained(load(words, at.doorbell) !== NO_HANDLE, false, 'the doorbell of a vPE that is gone');
    },
  },
});
