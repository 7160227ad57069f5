import type { Intid } from '../arch/intid.ts';
import { Vpe } from '../gic/vpe.ts';
import { EVENT_COUNT, EventCount } from '../memory/event-count.ts';
import { clearBits, load, setBits, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({
  vpe: 1,
  state: 1,
  pending: 2,
  enabled: 2,
  pendingLast: 1,
  bell: EVENT_COUNT,
});
const VLPI: Intid = 8192;
/** Bits of the hardware's view of the vPE. */
const RESIDENT = 1 << 0;
const PENDING = 1 << 1;

/** The hardware: an interrupt for a vPE that is not resident rings its doorbell. */
function doorbell(words: Words): void {
  if ((setBits(words, at.vpe, PENDING) & RESIDENT) !== 0) return;
  store(words, at.pendingLast, 1);
  new EventCount(words, regions.bell).signal();
}

const vpeOf = (words: Words) =>
  new Vpe(words, regions, {
    ring: () => {},
    doorbell() {
      store(words, at.pendingLast, 1);
      new EventCount(words, regions.bell).signal();
    },
  });

/** The vPE is resident on PE 0, and pending_last is 1 from the time before. */
const withVpe = memory({ pendingLast: 1 }, (words) => {
  const vpe = vpeOf(words);
  vpe.map(0);
  vpe.configure(VLPI, true);
  vpe.enter(0);
});

function sleepUnlessPending(words: Words): void {
  const bell = new EventCount(words, regions.bell);
  const ticket = bell.announce();
  if (load(words, at.pendingLast) === 0) bell.park(ticket);
  else bell.withdraw();
}

export const doorbellOverwritesPending = defineRace<Words, Words>({
  number: 7,
  slug: 'doorbell-overwrites-pending',
  title: 'a snapshot taken before the doorbell is written back after it',
  component: 'vPE block, doorbell',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'orphan-wait',
  preemptions: 1,
  schedule:
    'vcpu:nonresident-readback ! doorbell:fire doorbell:set-last doorbell:wake | vcpu:store-last vcpu:prepare-park vcpu:check vcpu:sleep',
  steps: {
    'vcpu:nonresident-readback': ['and vpe', 'compareExchange state'],
    'doorbell:fire': ['or vpe', 'compareExchange state'],
    'doorbell:set-last': 'store pendingLast',
    'doorbell:wake': 'load bell',
    'vcpu:store-last': ['store pendingLast', undefined],
    'vcpu:prepare-park': 'add bell',
    'vcpu:check': 'load pendingLast',
    'vcpu:sleep': ['wait bell', undefined],
  },
  reference: 'Linux a3f574cd6548, "KVM: arm64: vgic-v4: Plug race between non-residency and v4.1 doorbell".',
  story:
    'A vPE is made non-resident, and the hardware says that nothing is pending for it. Before that answer is stored, an interrupt fires and the doorbell stores that one is pending. Then the older answer overwrites the newer, and the vCPU sleeps.',
  fix: 'the owner stores its 0 before it goes non-resident, when no doorbell can ring yet, and afterwards a 1 only. The vPE is that of src/gic/vpe.ts: PendingLast and the doorbell are taken in one step, so exactly one of them says that an interrupt waits',
  lesson:
    'A value that was read, kept and stored later is stored too late. Store only a value that cannot be older than the stored one.',
  buggy: {
    ...memory({ vpe: RESIDENT }),
    threads: {
      vcpu(words) {
        const pending = (clearBits(words, at.vpe, RESIDENT) & PENDING) !== 0;
        store(words, at.pendingLast, pending ? 1 : 0);
        sleepUnlessPending(words);
      },
      doorbell,
    },
  },
  fixed: {
    ...withVpe,
    threads: {
      vcpu(words) {
        store(words, at.pendingLast, 0);
        if (vpeOf(words).leave(true)) store(words, at.pendingLast, 1);
        sleepUnlessPending(words);
      },
      doorbell: (words) => vpeOf(words).signal(VLPI),
    },
    finally(words) {
      requireNoStrandedWork(load(words, at.pendingLast) === 0, vpeOf(words).isPending(VLPI), 'the vCPU');
    },
  },
});
