import { at, drop, instead, toBefore, toBehind, value, withoutFirst } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/aia`: the APLIC and the interrupt files. */
export const AIA = {
  'identity-becomes-pending': {
    rule: 'An MSI makes its identity pending.',
    mistakes: {},
  },
  'file-rings-when-pending': {
    rule: 'The vCPU is rung after the identity is pending.',
    mistakes: { 'rung first': toBefore('identity-becomes-pending') },
  },
  'threshold-holds-back': {
    rule: 'The threshold holds its own and higher identities back.',
    mistakes: { 'its own passes': value('threshold !== 0 && threshold <= ids ? threshold + 1 : ids + 1') },
  },
  'delivery-can-be-off': {
    rule: 'A file whose delivery is off signals nothing.',
    mistakes: { 'signals all the same': withoutFirst },
  },
  'claim-clears-its-identity': {
    rule: 'A claim clears the identity that it returns.',
    mistakes: { 'looks again': instead('if (identity !== NO_IDENTITY) this.#clear(this.top);') },
  },
  'file-sleep-is-announced': {
    rule: 'A vCPU announces its sleep before its last look at its file.',
    mistakes: {
      'after its look': [
        toBehind('file-sleeper-looks-again'),
        at('file-sleeper-looks-again', instead('if (this.signalled) return true;')),
      ],
    },
  },
  'file-sleeper-looks-again': {
    rule: 'A vCPU looks at its file once more before it sleeps.',
    mistakes: {},
  },
  'file-rings-when-changed': {
    rule: 'A register that is changed rings the vCPU: an identity may be signalled now.',
    mistakes: { 'not rung': drop },
  },
  'file-word-in-one-step': {
    rule: 'A word of a file is written in one step.',
    mistakes: {
      'in two steps': instead(`if (mask !== 0) store(this.#words, at, (old & ~mask) | (value & mask));
      return old;`),
    },
  },
  'edge-needs-a-change': {
    rule: 'An edge makes its source pending where the line changes; a level by its level.',
    mistakes: { 'level is enough': value('isSignal(old & MODE, !level, level)') },
  },
  'line-moves-in-one-step': {
    rule: 'A line moves, and makes its source pending, in one step.',
    mistakes: {
      'in two steps': instead(`store(this.#words, at, next);
      break;`),
    },
  },
  'source-is-sent-when-driven': {
    rule: 'A source is looked at after its line has moved.',
    mistakes: {
      'not looked at': drop,
      // As KVM: the domain's enable bit is read before.
      'domain read before': [
        at(
          'line-is-looked-up',
          instead(`$
    const enabled = (load(this.#words, this.#registers + DOMAIN) & DOMAIN_ENABLED) !== 0;`),
        ),
        at('source-is-sent-when-driven', instead('if (enabled) $')),
      ],
    },
  },
  'line-is-looked-up': {
    rule: 'A line has a word.',
    mistakes: {},
  },
  'enabled-source-is-sent': {
    rule: 'Only a source that is pending and enabled is sent.',
    mistakes: { 'sent though disabled': value('(old & PENDING) === 0') },
  },
  'one-sender-takes-it': {
    rule: 'One thread takes a pending source.',
    mistakes: {
      'two may': instead(`{
        store(this.#words, at, old & ~PENDING);
        break;
      }`),
    },
  },
  'mode-changes-in-one-step': {
    rule: 'A mode changes in one step, which keeps the line and what is pending.',
    mistakes: {
      'in two steps': instead(`store(this.#words, at, (old & ~MODE) | mode);
      return;`),
    },
  },
  'level-pends-by-its-line': {
    rule: 'Software makes a level source pending only while its line is at its level.',
    mistakes: { 'whatever the line': value('mode === INACTIVE') },
  },
  'pending-set-in-one-step': {
    rule: 'Software sets and clears pending in one step, which keeps the line.',
    mistakes: {
      'in two steps': instead(`store(this.#words, at, next);
      return;`),
    },
  },
} satisfies Rows;
