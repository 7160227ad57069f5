import { always, at, drop, instead, toBefore, toBehind, withoutFirst, withoutLast } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/kvm`: routing, irqfds, resamplers, descriptors, what the vgic's irqchip remembers. */
export const KVM = {
  'number-is-taken': {
    rule: 'The number of a descriptor is taken before its payload is written.',
    mistakes: {},
  },
  'number-before-payload': {
    rule: 'The payload of a descriptor is written by the thread that has taken the number.',
    mistakes: { 'written first': toBefore('number-is-taken') },
  },
  'table-is-published': {
    rule: 'A new routing table is published before the copies of its routes are made.',
    mistakes: {},
  },
  'table-refreshes-irqfds': {
    rule: 'A new routing table reaches the irqfds after it is in force.',
    mistakes: { 'not told': drop, 'told first': toBefore('table-is-published') },
  },
  'table-waits-for-readers': {
    rule: 'A new routing table waits for the readers of the old one.',
    mistakes: { 'no wait': drop },
  },
  'table-waits-for-work': {
    rule: "A new routing table waits for the main thread's work.",
    mistakes: { 'no wait': drop },
  },
  'resampler-has-own-source': {
    rule: 'A resampler lowers its own source of the line.',
    mistakes: { "userland's": instead('this.injector.setIrq(gsi, false);') },
  },
  'copy-has-sequence': {
    rule: 'A copy of a route is written under its sequence count.',
    mistakes: { 'not begun': drop },
  },
  'torn-message-is-refused': {
    rule: 'The copy of a message is refused where it may be torn.',
    mistakes: { taken: drop },
  },
  'torn-pin-is-refused': {
    rule: 'The copy of a pin is refused where it may be torn.',
    mistakes: { taken: withoutLast },
  },
  'message-names-device': {
    rule: 'A message names its event and its device.',
    mistakes: {
      'its event twice': instead(
        'putCached(words, to, type, load(words, from + ROUTE_DATA), load(words, from + ROUTE_DATA), target);',
      ),
    },
  },
  'route-lies-at-gsi': {
    rule: 'A route lies at its GSI.',
    mistakes: {
      'at an even one': instead('putRoute(this.#words, table + (route.gsi & ~1) * ROUTE_WORDS, route);'),
    },
  },

  'level-changes-under-lock': {
    rule: 'A lock orders what a guest writes to its timer with the expiry on another thread.',
    mistakes: { 'no lock': drop },
  },
  'entry-samples-timers': {
    rule: 'A vCPU that enters its guest drives the lines of its timers.',
    mistakes: { 'not driven': drop },
  },
  'expiry-raises-line': {
    rule: 'A timer that expires while its guest runs raises its line.',
    mistakes: { 'not raised': drop },
  },
  'expiry-wakes-vcpu': {
    rule: 'A timer that expires while its vCPU is outside the guest wakes the vCPU.',
    mistakes: { 'no ring': drop },
  },
  'raised-is-not-written': {
    rule: 'A signal that a writer has injected is not written to the eventfd.',
    mistakes: { 'written too': instead('if (this.#inline) this.raise(fd);') },
  },
  'signal-is-written': {
    rule: 'A signal that cannot be injected is written to the eventfd.',
    mistakes: {},
  },
  'writer-looks-for-hook-again': {
    rule: 'A writer looks for the hook again after its write.',
    mistakes: { 'no look': drop, 'looks first': toBefore('signal-is-written') },
  },
  'inline-ring-minds-hook': {
    rule: 'A writer that injects by itself rings where the eventfd was hooked meanwhile.',
    mistakes: { 'never rings': withoutLast },
  },
  'irqfd-is-raised': {
    rule: 'A writer injects within its section.',
    mistakes: {},
  },
  'section-ends-after-injection': {
    rule: 'The section of a writer ends after its injection.',
    mistakes: { 'ends first': toBefore('irqfd-is-raised') },
  },
  'eventfd-is-marked': {
    rule: 'An eventfd is marked for the main thread.',
    mistakes: {},
  },
  'bell-after-mark': {
    rule: 'The main thread is rung after the eventfd is marked.',
    mistakes: { 'rung first': toBefore('eventfd-is-marked') },
  },
  'irqfd-is-hooked': {
    rule: 'An assignment hooks the eventfd.',
    mistakes: {},
  },
  'assignment-drains': {
    rule: 'An assignment drains the eventfd after it has hooked.',
    mistakes: { 'no drain': drop, 'drains first': toBefore('irqfd-is-hooked') },
  },
  'unhooking-ends-lock': {
    rule: 'A deassignment frees the lock before it waits for work.',
    mistakes: {
      'waits with the lock': [
        drop,
        at(
          'deassignment-shuts-down',
          instead(`try {
      $
    } finally {
      this.#lock.unlock();
    }`),
        ),
        at(
          'work-claimed-before-done',
          instead('$\n      this.#lock.lock(Infinity);\n      this.#lock.unlock();'),
        ),
      ],
    },
  },
  'deassignment-shuts-down': {
    rule: 'A deassignment shuts the unhooked irqfd down.',
    mistakes: {},
  },
  'close-unhooks': {
    rule: 'The close of an eventfd takes its irqfd away.',
    mistakes: { 'left there': drop },
  },
  'ring-claimed-before-served': {
    rule: 'The marks of eventfds are claimed before their counts are read.',
    mistakes: {
      'claimed afterwards': [
        instead('const marked = 1 << (fd & 31);'),
        at('marked-is-served', instead('$\n      this.#left.claimRung(fd);')),
      ],
    },
  },
  'marked-is-served': {
    rule: 'The main thread serves the eventfds that are marked.',
    mistakes: {},
  },
  'serving-excludes-work': {
    rule: 'The main thread serves an eventfd under the lock that a new table waits for.',
    mistakes: { 'without the lock': drop },
  },
  'work-claimed-before-done': {
    rule: 'Work is claimed before it is done.',
    mistakes: {
      'claimed afterwards': [
        instead('if (!this.#left.hasWork(slot)) return false;'),
        at('work-is-injected', instead('$\n      this.#left.claimWork(slot);')),
      ],
    },
  },
  'work-is-injected': {
    rule: 'Work injects the signal of its irqfd.',
    mistakes: {},
  },
  'plain-irqfd-sends-edge': {
    rule: 'A plain irqfd sends an edge; the line of one that resamples stays up.',
    mistakes: { 'every irqfd': always },
  },
  'remembers-under-lock': {
    rule: 'An irqfd comes to remember its LPI under the lock of the routes.',
    mistakes: { 'without the lock': [drop, at('remembering-ends-lock', drop)] },
  },
  'remembering-ends-lock': {
    rule: 'An irqfd that has remembered its LPI frees the lock.',
    mistakes: {},
  },
  'deferred-work-rings': {
    rule: 'Work that is left to the main thread rings the main thread.',
    mistakes: { 'no ring': drop },
  },
  'gone-irqfd-is-forgotten': {
    rule: 'A deassignment forgets the LPI.',
    mistakes: { remembered: drop },
  },
  'deassignment-waits-for-writers': {
    rule: 'A deassignment waits for the writers that have seen the hook.',
    mistakes: { 'no wait': drop },
  },
  'deassignment-runs-work': {
    rule: 'A deassignment runs the work that was left to the main thread.',
    mistakes: { 'left undone': drop, forgotten: instead('this.#left.claimWork(slot);') },
  },
  'last-resampler-lowers-line': {
    rule: 'The last resampler of a line lowers the line.',
    mistakes: { 'left up': instead('this.#resamplers.unlink(slot, gsi);') },
  },
  'route-change-forgets-lpi': {
    rule: 'A new route forgets the LPI of the old one.',
    mistakes: { remembered: drop },
  },
  'only-hooked-remembers': {
    rule: 'Only an irqfd that is hooked remembers its LPI.',
    mistakes: { 'every one': always },
  },

  'end-is-served-once': {
    rule: 'An end is taken before it is passed on, so it is passed on once.',
    mistakes: {
      'noted again': [
        instead('$\n      if (served < 3) this.#ends.again(pin);'),
        at(
          'ends-are-taken',
          instead(`again(pin: number): void {
    this.#acks.note(pin + FIRST_SPI);
  }

  $`),
        ),
      ],
    },
  },
  'ends-are-taken': {
    rule: 'Ends of SPIs are taken one by one.',
    mistakes: {},
  },
  'line-lowered-before-telling': {
    rule: 'An end lowers the line once, before any device is told.',
    mistakes: {
      'lowered afterwards': toBehind('each-device-is-told'),
      'lowered for each': at(
        'each-device-is-told',
        instead(`for (; slot !== 0; slot = load(this.#words, this.#links + slot)) {
        lower(gsi);
        tell(slot);
      }`),
      ),
    },
  },
  'each-device-is-told': {
    rule: 'An end tells every device on the line.',
    mistakes: { 'the first only': instead('if (slot !== 0) tell(slot);') },
  },

  'remembered-holds-for-epoch': {
    rule: 'A remembered LPI holds for one epoch.',
    mistakes: { 'for good': drop },
  },
  'remembered-epoch-before-lookup': {
    rule: 'A remembered LPI has the epoch from before its lookup.',
    mistakes: { 'of afterwards': instead('store(words, at + STAMP, its.epoch);') },
  },
  'message-is-latched': {
    rule: 'A message that is found in the cache is latched.',
    mistakes: {},
  },
  'section-spans-latch': {
    rule: 'The section of a message ends after its latch.',
    mistakes: { 'ends first': toBefore('message-is-latched') },
  },
  'hint-epoch-before-lookup': {
    rule: 'A hint has the epoch from before its lookup.',
    mistakes: {
      'of afterwards': instead(
        'if (lpi !== MISS) this.hints.keep(number, deviceId, eventId, its.epoch, lpi);',
      ),
    },
  },
  'hint-holds-for-epoch': {
    rule: 'A hint holds for one epoch.',
    mistakes: { 'for good': withoutFirst },
  },
  'first-table-is-read': {
    rule: 'The vgic gets its first routing table when it is initialised.',
    mistakes: {},
  },
  'ready-flag-is-last': {
    rule: 'The flag that the vgic is ready is set last.',
    mistakes: { 'said first': toBefore('first-table-is-read') },
  },
} satisfies Rows;
