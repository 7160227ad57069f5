/**
 * Small concurrent programs as data: what the judge interprets by itself, and what is turned into JavaScript for the
 * explorer. Registers hold numbers; 64-bit values are turned into numbers where a program reads them.
 */

/** The integer views of the shared bytes; all of them begin at byte 0. */
export const VIEWS = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const;
export type View = (typeof VIEWS)[number];

/** Bytes of shared memory of each program; the lock words lie behind those that views use. */
export const BYTES = 32;
export const LOCKS_AT = 24;
export const REGISTERS = 4;

/** A number, or a register and a number added to it. */
export type Operand = number | { readonly reg: number; readonly plus: number };
export type Condition = { readonly reg: number; readonly equal: boolean; readonly to: Operand };

export type ReadModifyWrite = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange';

/**
 * One call of Atomics or of the explorer's lock, or an access without them: `read` and `write`. `to` is the register that
 * takes the answer.
 */
export type Operation =
  | { readonly kind: 'load' | 'read'; readonly view: View; readonly index: number; readonly to: number }
  | {
      readonly kind: 'store' | 'write' | ReadModifyWrite;
      readonly view: View;
      readonly index: number;
      readonly a: Operand;
      readonly to: number;
    }
  | {
      readonly kind: 'compareExchange';
      readonly view: View;
      readonly index: number;
      readonly a: Operand;
      readonly b: Operand;
      readonly to: number;
    }
  | {
      /** The answer in the register: 0 for ok, 1 for not-equal, 2 for timed-out. */
      readonly kind: 'wait';
      readonly view: 'i32' | 'i64';
      readonly index: number;
      readonly a: Operand;
      readonly ms: number | undefined;
      readonly to: number;
    }
  | {
      readonly kind: 'notify';
      readonly view: 'i32' | 'i64';
      readonly index: number;
      readonly count: number | undefined;
      readonly to: number;
    }
  | { readonly kind: 'lock' | 'unlock'; readonly index: number };

export type Statement =
  | { readonly kind: 'do'; readonly operation: Operation }
  | { readonly kind: 'log'; readonly reg: number }
  | {
      readonly kind: 'if';
      readonly when: Condition;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
    }
  /** The body, again while the condition holds, at most so many times. */
  | {
      readonly kind: 'loop';
      readonly times: number;
      readonly body: readonly Statement[];
      readonly again: Condition;
    }
  | { readonly kind: 'throw' }
  /** Throws where the thread has logged just these values, joined by commas. */
  | { readonly kind: 'throwIfLogged'; readonly values: string };

export type Program = {
  readonly seed: number;
  readonly threads: readonly (readonly Statement[])[];
};

/** The index of a lock word in the Int32 view. */
export function lockIndex(lock: number): number {
  return LOCKS_AT / 4 + lock;
}

export function showOperand(operand: Operand): string {
  if (typeof operand === 'number') return String(operand);
  return operand.plus === 0 ? `r${operand.reg}` : `(r${operand.reg} + ${operand.plus})`;
}

export function showCondition({ reg, equal, to }: Condition): string {
  return `r${reg} ${equal ? '===' : '!=='} ${showOperand(to)}`;
}
