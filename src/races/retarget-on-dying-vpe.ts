import { Vpe } from '../gic/vpe.ts';
import { type Handle, NO_HANDLE, Slots, slotOf, slotsWords } from '../memory/slots.ts';
import { load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({
  doorbell: 1,
  target: 2,
  state: 1,
  pending: 1,
  enabled: 1,
  ended: 1,
  movedWhenEnded: 1,
  slots: slotsWords(1),
});
const SLOTS = 'vPE';

const slotsOf = (words: Words) => new Slots(words, regions.slots, SLOTS);
const vpeOf = (words: Words) => new Vpe(words, regions, { ring: () => {}, doorbell: () => {} });

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
    'affinity:visible?': ['load doorbell', 'load ended'],
    'teardown:unmap': ['compareExchange slots', 'compareExchange state'],
    'teardown:hide': ['rest', 'rest'],
    'affinity:move': ['store target', 'rest'],
  },
  reference: 'CVE-2024-50192; Linux 1442ee001198, "irqchip/gic-v4: Don\'t allow a VMOVP on a dying VPE".',
  story:
    'One thread changes the affinity of a doorbell interrupt, and sees that the doorbell is there. Meanwhile teardown unmaps the vPE, and then hides the doorbell. The first thread issues the move all the same, for a vPE that is gone.',
  fix: "whether the vPE is mapped, whether it is resident, and its PE are one word of the project's vPE (src/gic/vpe.ts): a VMOVP is carried out in one step on a vPE that is mapped, or not at all. Linux looks at the map count under the vPE's lock",
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
    ...memory({}, (words) => vpeOf(words).map(0)),
    threads: {
      affinity(words) {
        const hasEnded = load(words, at.ended);
        // A VMOVP that is carried out: the vPE was alive.
        if (vpeOf(words).move(1)) store(words, at.movedWhenEnded, hasEnded);
      },
      teardown(words) {
        vpeOf(words).unmap();
        store(words, at.ended, 1);
      },
    },
    finally(words) {
      requireExplained(load(words, at.movedWhenEnded) !== 0, false, 'a VMOVP of a vPE that had ended');
      requireExplained(vpeOf(words).isMapped, false, 'a vPE that had ended, and is mapped,');
    },
  },
});
