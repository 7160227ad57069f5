import type { Pin } from '../arch/intid.ts';
import { EVENTFD, EventFd } from '../memory/eventfd.ts';
import { load, lower, replace, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { requireExplained } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, regions, memory } = model({ pin: 1, over: 1, resample: EVENTFD });
/** A pin: its device's level, the controller's latch, and its mask. */
const HIGH = 1 << 0;
const LATCHED = 1 << 1;
const MASKED = 1 << 2;

/** The resampler: at each EOI, copies the device's level in one step. */
function resample(words: Words): void {
  const event = new EventFd(words, regions.resample);
  for (;;) {
    event.read();
    if (load(words, at.over) !== 0) return;
    for (;;) {
      const pin = load(words, at.pin);
      if ((pin & HIGH) === 0 || replace(words, at.pin, pin, pin | LATCHED)) break;
    }
  }
}

/** Clears the mask together with the latch; returns the pin's old value. */
function unmask(words: Words): number {
  for (;;) {
    const pin = load(words, at.pin);
    // guard: unmask-takes-latch
    if (replace(words, at.pin, pin, pin & ~(MASKED | LATCHED))) return pin;
  }
}

/** The guest's handler: ends the interrupt while the pin is masked, and only then quiets the device. */
function handle(words: Words, atUnmask: (pin: Pin, event: EventFd) => void): void {
  const event = new EventFd(words, regions.resample);
  event.write();
  lower(words, at.pin, HIGH);
  atUnmask(unmask(words), event);
  store(words, at.over, 1);
  event.write();
}

export const stalePendingAtUnmask = defineRace<Words, Words>({
  number: 23,
  slug: 'stale-pending-at-unmask',
  title: 'the line was sampled while it was masked, and is no longer true',
  component: 'resample and mask',
  symptom: 'spurious INTID',
  oracle: 'O3',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'guest:eoi-masked ! resampler:latch | guest:quiet-device guest:unmask-deliver',
  steps: {
    'guest:eoi-masked': 'compareExchange resample',
    'resampler:latch': 'rest',
    'guest:quiet-device': 'and pin',
    'guest:unmask-deliver': 'compareExchange pin',
  },
  reference:
    'Linux fef8f2b90edb, "KVM: x86/ioapic: Resample the pending state of an IRQ when unmasking"; upstream the race aborted suspends and made up input. A relative on arm64, known by its subject and not read: 3134cc8beb69.',
  story:
    'The guest masks a level interrupt and ends it; its device is still high. The resampler sees the level, and latches the interrupt as pending. Then the guest quiets the device and unmasks: the latch is delivered, although the device is low.',
  fix: "unmasking drops the latch and asks the resampler again: a device that is still high raises the line anew. The machine keeps the level itself, and no latch of the level; so this variant is written out, with the machine's EventFd",
  lesson:
    'A level that is remembered over a window in which it can change is a guess. Sample the level again when the answer counts.',
  buggy: {
    ...memory({ pin: HIGH | MASKED }),
    threads: {
      guest(words) {
        handle(words, (pin) => {
          requireExplained((pin & LATCHED) !== 0, (pin & HIGH) !== 0, 'a level interrupt');
        });
      },
      resampler: resample,
    },
  },
  fixed: {
    ...memory({ pin: HIGH | MASKED }),
    threads: {
      guest(words) {
        handle(words, (pin, event) => {
          if ((pin & LATCHED) !== 0) event.write();
        });
      },
      resampler: resample,
    },
    finally(words) {
      const pin = load(words, at.pin);
      requireExplained((pin & LATCHED) !== 0, (pin & HIGH) !== 0, 'a level interrupt');
    },
  },
});
