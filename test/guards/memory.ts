import {
  always,
  at,
  drop,
  instead,
  never,
  toBefore,
  toBehind,
  value,
  withoutFirst,
  withoutLast,
} from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/memory`: the primitives, each of one word or of few. */
export const MEMORY = {
  'lowest-bit-stands-alone': {
    rule: 'The negation of a word leaves of that word its lowest set bit.',
    mistakes: { 'not isolated': value('31 - Math.clz32(word)') },
  },
  'bits-counted-by-pair': {
    rule: 'The count of set bits begins with each pair of bits.',
    mistakes: { 'without the first': value('word - ((word >>> 1) & 0x5555_5554)') },
  },
  'bits-counted-by-nibble': {
    rule: 'The count of set bits adds up the nibbles of each byte.',
    mistakes: { 'off by one': value('Math.imul((v + (v >>> 5)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24') },
  },
  'later-words-have-no-mask': {
    rule: 'Behind its first word the search of a bitmap leaves no bit out.',
    mistakes: { 'masked too': value('load(this.#words, this.#at + index) & (-1 << (from & 31))') },
  },
  'search-begins-at-bit': {
    rule: 'The search of a bitmap leaves out the bits before the one where the search begins.',
    mistakes: { 'at the word': value('-1') },
  },
  'claim-tells-the-winner': {
    rule: 'The one thread that removes a bit is told so, also of bit 31, the sign.',
    mistakes: { 'not of bit 31': value('$ && (bit & 31) !== 31') },
  },

  'sleeper-counts-itself': {
    rule: 'A sleeper is counted before it looks for work.',
    mistakes: {
      'not counted': drop,
      'counted after its look': [
        drop,
        at('sleep-by-ticket', instead('add(this.#words, this.#sleepers, 1);\n    $')),
      ],
    },
  },
  'sleep-by-ticket': {
    rule: 'A sleeper sleeps only while the count is that of its ticket.',
    mistakes: {},
  },
  'withdrawal-is-counted': {
    rule: 'A sleeper that finds work is counted as a sleeper no more.',
    mistakes: { 'not counted': drop },
  },
  'waker-moves-count': {
    rule: 'A waker moves the count, so that tickets go out of date, before it notifies.',
    mistakes: { 'not moved': drop },
  },
  'waker-notifies': {
    rule: 'A waker that sees a sleeper notifies the sleeper.',
    mistakes: { 'not notified': drop },
  },

  'lock-taken-in-one-step': {
    rule: 'A thread takes a free mutex in one step.',
    mistakes: {
      'looks, then stores': instead(`if (load(this.#words, this.#at) === FREE) {
      store(this.#words, this.#at, HELD);
      return;
    }`),
      'not at all': instead('if (timeoutMs) return;\n    $'),
    },
  },
  'waiter-marks-lock': {
    rule: 'A waiter marks the mutex as wanted before it sleeps, and when it takes the mutex after a sleep.',
    mistakes: {
      'marked as held': value('exchange(this.#words, this.#at, HELD) !== FREE'),
      'not marked': value(
        '!replace(this.#words, this.#at, FREE, HELD) && (replace(this.#words, this.#at, FREE, WANTED), true)',
      ),
      'taken as if nobody slept': value('!replace(this.#words, this.#at, FREE, HELD) && $'),
    },
  },
  'release-wakes-waiter': {
    rule: 'The release of a wanted mutex wakes one waiter, and reads the mark in the step that frees.',
    mistakes: {
      'nobody woken': instead('exchange(this.#words, this.#at, FREE);'),
      'in two steps': instead(`const held = load(this.#words, this.#at);
    store(this.#words, this.#at, FREE);
    if (held === WANTED) Atomics.notify(this.#words, this.#at, 1);`),
    },
  },

  'reader-announces-itself': {
    rule: 'A reader counts its entry before it reads.',
    mistakes: { 'not announced': drop },
  },
  'reader-leaves-before-look': {
    rule: 'A reader has left before it looks for waiting writers.',
    mistakes: {
      'looks first': [
        instead('const waiting = load(this.#words, this.#waiting);\n    $'),
        at('leaver-wakes-waiter', value('waiting !== 0')),
      ],
    },
  },
  'leaver-wakes-waiter': {
    rule: 'A reader that leaves wakes the writers that wait.',
    mistakes: { 'nobody woken': drop },
  },
  'grace-period-waits': {
    rule: 'A grace period waits for every section that was under way at its begin.',
    mistakes: { 'ends at once': drop, 'for the first reader only': value('reader < 1') },
  },
  'grace-spares-readers-outside': {
    rule: 'A grace period waits for the readers inside, and for no others.',
    mistakes: { 'waits for those outside': value('!($)'), 'waits for none': always },
  },
  'waiter-counts-itself': {
    rule: 'A writer is counted as waiting before it looks at the reader again.',
    mistakes: { 'not counted': drop },
  },

  'write-begins-odd': {
    rule: 'A writer makes the sequence odd before its first store.',
    mistakes: { 'not announced': drop },
  },
  'write-ends-higher': {
    rule: 'A writer leaves a sequence that is two higher than before.',
    mistakes: { 'as before': instead('add(words, at, -1);') },
  },
  'torn-copy-is-refused': {
    rule: 'A reader refuses a copy that it began under an odd sequence, or whose sequence has moved.',
    mistakes: {
      'never refused': never,
      'an odd sequence not minded': withoutFirst,
      'not read again': withoutLast,
    },
  },

  'set-bits-in-one-step': {
    rule: 'Bits that are not all set are set in one step, which returns the word from before.',
    mistakes: {
      'looks for any': value('(seen & mask) !== 0 ? seen : Atomics.or(words, at, mask)'),
      'load and store': value('(Atomics.store(words, at, seen | mask), seen)'),
      'says what the look saw': value('(Atomics.or(words, at, mask), seen)'),
    },
  },
  'clear-bits-in-one-step': {
    rule: 'Bits that are not all clear are cleared in one step, which returns the word from before.',
    mistakes: {
      'load and store': value('(Atomics.store(words, at, seen & ~mask), seen)'),
      'says what the look saw': value('(Atomics.and(words, at, ~mask), seen)'),
      'clears the others': value('(seen & mask) === 0 ? seen : Atomics.and(words, at, mask)'),
    },
  },
  'raise-says-what-it-set': {
    rule: 'Raising says which bits this call set.',
    mistakes: { 'what was set': value('setBits(words, at, mask) & mask') },
  },
  'replace-says-that-it-won': {
    rule: 'A replacement succeeds where it found the word that was expected.',
    mistakes: {
      'another than the next': value('Atomics.compareExchange(words, at, expected, next) !== next'),
    },
  },

  'write-adds-in-one-step': {
    rule: 'A write adds to a small count in one step.',
    mistakes: {
      'in two steps': value(
        'load(this.#words, this.#low) === low ? (store(this.#words, this.#low, sum), low) : load(this.#words, this.#low)',
      ),
    },
  },
  'small-count-is-small': {
    rule: 'A count that is locked, or that the sum makes large, is no small count.',
    mistakes: { 'a locked one': withoutFirst, 'a large one': withoutLast },
  },
  'write-wakes-reader': {
    rule: 'A write of a small count wakes readers.',
    mistakes: { 'nobody woken': drop },
  },
  'count-has-limit': {
    rule: 'A count is at most 2^64 - 2.',
    mistakes: { 'one more': value('count + added <= EVENTFD_MAX + 1n') },
  },
  'large-write-wakes-reader': {
    rule: 'A write of a large count wakes readers.',
    mistakes: { 'nobody woken': drop },
  },
  'writer-tries-before-sleep': {
    rule: 'A writer tries again between its announcement and its sleep.',
    mistakes: { 'not tried': drop },
  },
  'read-takes-in-one-step': {
    rule: 'A read takes a small count in one step.',
    mistakes: { 'in two steps': value('(store(this.#words, this.#low, semaphore ? low - 1 : 0), true)') },
  },
  'read-wakes-writer': {
    rule: 'A read of a small count wakes writers that wait for room.',
    mistakes: { 'nobody woken': drop },
  },
  'semaphore-gives-one': {
    rule: 'A semaphore gives one at a time, also of a large count.',
    mistakes: { 'gives all': value('count') },
  },
  'large-read-wakes-writer': {
    rule: 'A read of a large count wakes writers that wait for room.',
    mistakes: { 'nobody woken': drop },
  },
  'reader-looks-before-sleep': {
    rule: 'A reader looks at the count between its announcement and its sleep.',
    mistakes: { 'no look': never },
  },
  'drain-takes-in-one-step': {
    rule: 'A drain takes a small count in one step.',
    mistakes: {
      'in two steps': value(
        'load(this.#words, this.#low) === low ? (store(this.#words, this.#low, 0), low) : load(this.#words, this.#low)',
      ),
    },
  },
  'count-lock-excludes': {
    rule: 'Only one thread locks a count.',
    mistakes: { 'locked twice': withoutFirst },
  },
  'limbs-of-count': {
    rule: 'The bits of a count beyond the lowest 30 lie in two further words.',
    mistakes: {},
  },
  'high-limb-is-stored': {
    rule: 'A locked count stores its highest bits too.',
    mistakes: { 'left out': drop },
  },
  'limbs-before-unlock': {
    rule: 'A count is unlocked after all its words are stored, and a large one is marked.',
    mistakes: {
      'unlocked first': toBehind('limbs-of-count'),
      'a large one not marked': instead('store(this.#words, this.#low, Number(count & BigInt(LOW)));'),
    },
  },
  'wait-ends-at-bound': {
    rule: 'A wait that is woken for nothing goes on with the time that is left.',
    mistakes: { 'begins anew': value('end === FOREVER ? FOREVER : 5') },
  },

  'slots-lie-in-order': {
    rule: 'Each slot of guest memory lies behind the one before.',
    mistakes: { 'all in one place': drop },
  },
  'run-ends-in-slot': {
    rule: 'A run of bytes lies in a slot with its last byte too.',
    mistakes: { 'the first only': value('offset >= 0 && offset <= slot.bytes') },
  },
  'double-word-has-upper-half': {
    rule: 'A double word is written with its upper half.',
    mistakes: { 'lower half only': drop },
  },
  'ram-offset-from-view': {
    rule: 'Offsets into guest memory count from the begin of the view of the words.',
    mistakes: { 'from the buffer': instead('this.#at = words.byteOffset + region.at * 4;') },
  },
  'guest-bits-in-one-step': {
    rule: 'Bits of a byte of guest memory are set in one step.',
    mistakes: {
      'in two steps': instead(`const was = this.byte(address);
    this.setByte(address, was | mask);
    return was;`),
    },
  },

  'region-ends-on-line': {
    rule: 'A region ends on a cache line.',
    mistakes: { 'at its last word': instead('this.#end += words;') },
  },
  'region-begins-with-word': {
    rule: 'The first word of a region is its own.',
    mistakes: { 'the second': value('entry && entry.region.at < at') },
  },
  'region-ends-before-next': {
    rule: 'The word behind a region is not its own.',
    mistakes: { 'one more': value('!found || at > found.region.at + found.region.words') },
  },

  'slot-taken-in-one-step': {
    rule: 'A slot is taken off the free list in one step.',
    mistakes: { 'in two steps': value('(store(this.#words, this.#head, retag(head, next)), true)') },
  },
  'retired-in-one-step': {
    rule: 'A handle is retired by one thread, which moves the generation in one step.',
    mistakes: {
      'in two steps': value(
        'load(this.#words, this.#generation + slot) !== generation || store(this.#words, this.#generation + slot, generation + 1)',
      ),
      'the generation stands still': value(
        '!replace(this.#words, this.#generation + slot, generation, generation)',
      ),
    },
  },
  'freed-slot-leads-on': {
    rule: 'A freed slot leads to the slot that was free before.',
    mistakes: { 'to nothing': drop },
  },
  'slot-freed-in-one-step': {
    rule: 'A slot is put onto the free list in one step.',
    mistakes: {
      'in two steps': value('(store(this.#words, this.#head, retag(head, slot)), true)'),
      'the list ends there': value('replace(this.#words, this.#head, head, retag(head, 0))'),
    },
  },
  'head-has-a-tag': {
    rule: 'Each change of the free list changes the tag of its head.',
    mistakes: { untagged: value('(head & ~0xffff) | slot') },
  },

  'bit-is-set-first': {
    rule: 'A bit is set before its summaries.',
    mistakes: {},
  },
  'set-covers-its-bit': {
    rule: 'The summaries cover a bit when its setter returns, also where the bit was set already.',
    mistakes: {
      'not covered': drop,
      'only a bit that was added': instead('if (added) $'),
      'before the bit is set': toBefore('bit-is-set-first'),
    },
  },
  'later-summaries-have-no-mask': {
    rule: 'Behind its first summary word the search leaves no word out.',
    mistakes: { 'masked too': value('load(words, topAt) & (-1 << (firstSummary & 31))') },
  },
  'words-before-search-are-masked': {
    rule: 'The search leaves out earlier words of its first summary only.',
    mistakes: { 'of every summary': value('-1 << (firstWord & 31)') },
  },
  'bits-before-search-are-masked': {
    rule: 'The search leaves out the bits before the one where the search begins.',
    mistakes: { 'not left out': value('bits') },
  },
  'prune-clears-before-look': {
    rule: 'A pruned summary is cleared before the second look at its word.',
    mistakes: {
      'looks first': [
        drop,
        at('prune-looks-again', instead('if (filled === 0) lower(this.#words, summaryAt, mask);')),
      ],
    },
  },
  'prune-looks-again': {
    rule: 'A pruned summary is set again where its word was filled meanwhile.',
    mistakes: { 'no look': drop },
  },
  'summary-covers-word': {
    rule: 'A summary is set before the top.',
    mistakes: {},
  },
  'top-covers-summary': {
    rule: 'The top covers a summary, and is set after it.',
    mistakes: { 'not covered': drop, 'set first': toBefore('summary-covers-word') },
  },
} satisfies Rows;
