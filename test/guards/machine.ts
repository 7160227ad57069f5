import { at, drop, instead, toBehind, value } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of what stands on the parts: the vCPUs of `src/board`, the proof of `src/stress`, the programs of `src/races`. */
export const MACHINE = {
  'halt-announces-before-look': {
    rule: 'A halt announces itself before its last look.',
    mistakes: {
      'after its look': [
        toBehind('halt-looks-again'),
        at('halt-looks-again', instead('if (this.#somethingToDo(closely)) return;')),
      ],
    },
  },
  'halt-looks-again': {
    rule: 'A halt looks once more after it has announced itself.',
    mistakes: { 'no look': drop },
  },
  'nap-looks-again': {
    rule: 'The main thread looks at the eventfds once more after it has announced that it sleeps.',
    mistakes: { 'no look': instead('if (!isOver()) return ticket;') },
  },
  'halt-minds-requests': {
    rule: 'A halt looks for requests too.',
    mistakes: { 'interrupts only': drop },
  },
  'request-before-ring': {
    rule: 'A kick sets its request before it rings.',
    mistakes: { 'rings first': toBehind('kick-rings') },
  },
  'kick-rings': {
    rule: 'A kick rings the vCPU.',
    mistakes: {},
  },

  'places-on-the-way': {
    rule: 'A signal can be on its way in six places.',
    mistakes: {},
    variants: { one: value('1') },
  },
  'begin-reads-own-count': {
    rule: 'A device reads the count of its own signals plainly.',
    mistakes: {},
    variants: { 'as a step': value('load(this.#words, at + SENT)') },
  },
  'run-is-noted-first': {
    rule: 'A device notes the signals of a run before it makes the first of them.',
    mistakes: { 'not noted': drop },
    variants: {
      'as a step': instead('store(this.#words, at + SENT, (load(this.#words, at + SENT) + count) | 0);'),
    },
  },
  'settle-reads-own-count': {
    rule: 'A device that settles reads the count of its own signals plainly.',
    mistakes: {},
    variants: { 'as a step': value('load(this.#words, at + SENT) + load(this.#words, at + RAISED)') },
  },
  'allowance-covers-the-way': {
    rule: 'A signal that is on its way when its source settles may still be delivered.',
    mistakes: { 'not covered': value('(deliveries - signals) | 0') },
  },
  'wait-named-before-look': {
    rule: 'A device names the source that it waits for before it looks.',
    mistakes: {
      'after the look': [
        drop,
        at(
          'device-looks-again',
          instead(`if (this.isSettled(source)) bell?.withdraw();
    else {
      store(this.#words, awaited, source + 1);
      bell?.park(ticket, timeoutMs);
    }`),
        ),
      ],
    },
  },
  'device-looks-again': {
    rule: 'A device looks at its source once more before it sleeps.',
    mistakes: {},
  },
  'late-handler-is-allowed': {
    rule: 'A delivery is held against the signals up to the moment of its count.',
    mistakes: {
      'of before': value(
        '((deliveries - (sent + load(this.#words, at + RAISED))) | 0) > 0 && load(this.#words, at + KIND) === EDGE_SOURCE',
      ),
    },
  },
  'move-says-where-beforehand': {
    rule: 'A move says beforehand where it goes.',
    mistakes: { 'says nothing': [drop, at('move-says-which-beforehand', drop)] },
  },
  'move-says-which-beforehand': {
    rule: 'A move says beforehand which INTID it takes.',
    mistakes: {},
  },
  'moment-before-new-place': {
    rule: 'The moment of a move is published before the new place.',
    mistakes: { 'place first': toBehind('new-place-is-published') },
  },
  'new-place-is-published': {
    rule: 'A complete move publishes the new vCPU.',
    mistakes: {},
  },
  'allowance-before-signals': {
    rule: 'The allowance is read before the signals that it counts on.',
    mistakes: {
      'signals first': [
        instead('const sent = load(this.#words, at + SENT);\n    $'),
        at('signals-are-read-last', value('(allowance + load(this.#words, at + RAISED) + sent) | 0')),
      ],
    },
  },
  'signals-are-read-last': {
    rule: 'The signals of a source are read last.',
    mistakes: {},
  },

  'wire-has-lock': {
    rule: 'The sources of one wire are joined and driven under a lock.',
    mistakes: { 'without the lock': drop },
  },
  'unmask-takes-latch': {
    rule: 'The unmasking of a pin takes its old latch away.',
    mistakes: { 'leaves the latch': value('replace(words, at.pin, pin, pin & ~MASKED)') },
  },
} satisfies Rows;
