import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { EVENT_COUNT, EventCount, FOREVER } from '../memory/event-count.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ pending: 1, bell: EVENT_COUNT });

const nothingLeft = (words: Words) => requireNoStrandedWork(true, load(words, at.pending) !== 0, 'the vCPU');

export const checkThenHalt = defineRace<Words, Words>({
  number: 1,
  slug: 'check-then-halt',
  title: 'the vCPU looks, finds nothing, and goes to sleep after the interrupt has come',
  component: 'vCPU halt',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'lost-wakeup',
  preemptions: 1,
  schedule: 'vcpu:read-pending ! device:set-pending device:wake | vcpu:park',
  steps: {
    'vcpu:read-pending': 'load pending',
    'device:set-pending': 'store pending',
    'device:wake': 'notify bell',
    'vcpu:park': 'wait bell',
  },
  reference:
    'Unikraft pull request 257 closed such a window between enabling interrupts and halting on x86. The same shape in user space: Linux 460df4c1fc7c gave KVM_RUN an exit flag that it tests itself, and kvmtool fdd26ecb4bc5 and firecracker pull request 304 use it.',
  story:
    'The vCPU sees that nothing is pending and decides to sleep. Before it sleeps, a device makes an interrupt pending and wakes the sleepers: there are none yet. Then the vCPU goes to sleep although an interrupt is pending.',
  fix: "the machine's EventCount: the vCPU draws a ticket, then looks, then sleeps only if no thread has rung since the ticket was drawn",
  lesson:
    '"There is nothing to do" and "I am asleep" have to be one decision. Look for the value that a sleeper compares: the sleeper has to read that value before its look, and every event has to change it.',
  buggy: {
    ...memory(),
    threads: {
      vcpu(words) {
        if (load(words, at.pending) === 0) sleepWhile(words, at.bell, 0, FOREVER);
        exchange(words, at.pending, 0);
      },
      device(words) {
        store(words, at.pending, 1);
        wake(words, at.bell);
      },
    },
    finally: nothingLeft,
  },
  fixed: {
    ...memory(),
    threads: {
      vcpu(words) {
        const bell = new EventCount(words, regions.bell);
        const ticket = bell.announce();
        if (load(words, at.pending) === 0) bell.park(ticket);
        else bell.withdraw();
        exchange(words, at.pending, 0);
      },
      device(words) {
        store(words, at.pending, 1);
        new EventCount(words, regions.bell).signal();
      },
    },
    finally: nothingLeft,
  },
});
