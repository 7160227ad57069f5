import { always, drop, never, withoutLast } from './edit.ts';
import type { Rows } from './rows.ts';

/** Guards of `src/explore`: what makes `dpor` meet each class once, and the search of states lose none. */
export const EXPLORE = {
  'answer-may-change': {
    rule: 'Before a wait or a compareExchange come also steps that conflict with it only as the moved step has it answered.',
    mistakes: { 'as answered': withoutLast },
  },
  'class-comes-from-one': {
    rule: 'A class follows from the one schedule in which all but the step that is moved comes by itself.',
    mistakes: { 'from any': always, 'from none': never },
  },
  'failure-taken-once': {
    rule: 'A failure is taken from the one schedule in which all that it does not need comes by itself.',
    mistakes: { 'from any': never },
  },
  'sleepers-in-turn': {
    rule: 'Two states are one only if the same threads sleep, and fell asleep in the same order.',
    mistakes: { forgotten: drop },
  },
  'waker-known-to-woken': {
    rule: 'All that a thread does after it was woken comes after the notify, and what came before that.',
    mistakes: { 'not known': drop },
  },
} satisfies Rows;
