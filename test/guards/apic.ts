import { at, drop, instead, toBefore, toBehind, value, withoutFirst, withoutLast } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/apic`: the IOAPIC and the local APICs. */
export const APIC = {
  'lowest-priority-goes-round': {
    rule: 'A lowest-priority message goes to the candidates in turn, by its vector.',
    mistakes: { 'the first only': value('0') },
  },
  'line-driven-under-lock': {
    rule: 'A line is driven under the lock of the IOAPIC.',
    mistakes: {
      'without the lock': instead(`if (pin >= 0) {
      if (level) setBits(this.#words, this.#lines + pin, 1 << source);
      return this.#raised(pin);
    }
    $`),
    },
  },
  'line-joins-sources': {
    rule: 'A line is up as long as one of its sources is up.',
    mistakes: { 'follows the last': value('level ? this.#raised(pin) : this.#lowered(pin)') },
  },
  'remote-irr-holds-level': {
    rule: 'A level whose remote IRR is set is not delivered.',
    mistakes: { 'delivered again': withoutLast },
  },
  'sent-edge-is-noted': {
    rule: 'An edge that was sent is noted as delivered.',
    mistakes: { 'not noted': drop },
  },
  'end-passed-on-before-rearm': {
    rule: 'The end of a watched pin is passed on before the pin may be delivered again.',
    mistakes: { 'passed on afterwards': toBehind('ended-level-is-rearmed') },
  },
  'ended-level-is-rearmed': {
    rule: 'The end of a level clears its remote IRR.',
    mistakes: {},
  },
  'rearm-looks-under-lock': {
    rule: 'An EOI clears remote IRR before it looks at the line.',
    mistakes: {
      'looks first': instead(`if (!this.#isUp(pin)) {
      clearBits(this.#words, this.#low(pin), REMOTE_IRR);
      return;
    }
    $`),
    },
  },
  'rearm-sends-line-up': {
    rule: 'An EOI delivers a level whose line is up.',
    mistakes: { 'not delivered': drop },
  },
  'read-only-bits-stay': {
    rule: 'The read-only bits of an entry cannot be written.',
    mistakes: { written: value('(value & KEPT) | kept') },
  },
  'unmask-sends-line-up': {
    rule: 'The unmasking of an entry delivers a level whose line is up.',
    mistakes: { 'not delivered': drop },
  },
  'cluster-is-compared': {
    rule: 'A logical destination names a cluster.',
    mistakes: { 'any cluster': withoutFirst },
  },
  'trigger-before-request': {
    rule: 'The trigger mode of a vector is noted before the vector is requested.',
    mistakes: { 'noted afterwards': toBehind('bell-after-request') },
  },
  'vector-is-requested': {
    rule: 'A message requests its vector.',
    mistakes: {},
  },
  'bell-after-request': {
    rule: 'The vCPU is rung after the vector is requested.',
    mistakes: { 'rung first': toBefore('vector-is-requested') },
  },
  'sleep-announced-before-look': {
    rule: 'A vCPU announces its sleep before its last look.',
    mistakes: {
      'after its look': [
        toBehind('sleeper-looks-again'),
        at('sleeper-looks-again', instead('if (this.signalled !== NO_VECTOR) return true;')),
      ],
    },
  },
  'sleeper-looks-again': {
    rule: 'A vCPU looks once more before it sleeps.',
    mistakes: {},
  },
  'task-priority-holds-back': {
    rule: 'The task priority holds lower classes back.',
    mistakes: { 'holds nothing': value('Math.max(0, inService === NO_VECTOR ? 0 : inService >>> 4)') },
  },
} satisfies Rows;
