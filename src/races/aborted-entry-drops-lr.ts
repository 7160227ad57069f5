import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireDelivered } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ pending: 1, listRegister: 1, empty: 1, stop: 1, delivered: 1 });

/** One round of a vCPU: list register, guest, and back. @param flush - moves the pending interrupt into the register */
function enterAndLeave(words: Words, flush: (words: Words) => void): void {
  flush(words);
  if (load(words, at.stop) === 0) {
    store(words, at.delivered, load(words, at.listRegister));
    store(words, at.empty, 1);
  }
  // The guest consumed an empty register; the interrupt of any other goes back to the list.
  const left = load(words, at.empty) !== 0 ? 0 : load(words, at.listRegister);
  if (left !== 0) store(words, at.pending, left);
  store(words, at.listRegister, 0);
}

const neverLost = (words: Words) =>
  requireDelivered(1, Math.max(load(words, at.pending), load(words, at.delivered)));

export const abortedEntryDropsLr = defineRace<Words, Words>({
  number: 26,
  slug: 'aborted-entry-drops-lr',
  title: 'the entry is given up after the flush, and the sync believes the status of the run before',
  component: 'list registers',
  symptom: 'lost interrupt',
  oracle: 'O2',
  kind: 'assertion',
  preemptions: 0,
  schedule: 'control:stop | vcpu:flush vcpu:abort vcpu:sync',
  steps: {
    'control:stop': 'store stop',
    'vcpu:flush': 'store listRegister',
    'vcpu:abort': 'load stop',
    'vcpu:sync': 'store listRegister',
  },
  reference:
    'Linux ae705930fca6, "arm/arm64: KVM: Keep elrsr/aisr in sync with software model"; seen as a hang in migration tests.',
  story:
    'A vCPU moves an interrupt into a list register, and then finds that it must not enter its guest after all. On the way back the vCPU asks which registers are empty, and reads the answer of the run before: this register is. So the vCPU takes the interrupt for handled.',
  fix: 'the flush marks the register as not empty together with filling it. In the machine nothing says which list registers are empty but the list registers, and an interrupt in one of them stays on the list of its vCPU; so this variant is written out',
  lesson:
    'Code that changes a state has to change the cached status of that state too. Put an "abort here" between every two steps.',
  buggy: {
    ...memory({ pending: 1, empty: 1 }),
    threads: {
      vcpu: (words) =>
        enterAndLeave(words, () => store(words, at.listRegister, exchange(words, at.pending, 0))),
      control: (words) => store(words, at.stop, 1),
    },
    finally: neverLost,
  },
  fixed: {
    ...memory({ pending: 1, empty: 1 }),
    threads: {
      vcpu(words) {
        enterAndLeave(words, () => {
          const flushed = exchange(words, at.pending, 0);
          store(words, at.listRegister, flushed);
          store(words, at.empty, flushed === 0 ? 1 : 0);
        });
      },
      control: (words) => store(words, at.stop, 1),
    },
    finally: neverLost,
  },
});
