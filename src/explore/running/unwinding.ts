import { IrqError } from '../../base/irq-error.ts';
import { outside } from '../control/call.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { type ElementArray, NOTIFY, type Value, WAIT } from './operation.ts';
import type { Restart } from './restart.ts';

/**
 * What is thrown through a thread's code to stop it. No Error, so that nothing is captured for it, and frozen, so that
 * code that catches it cannot write on it.
 */
export const STOP: object = Object.freeze({ irqloom: 'this thread is suspended; let it through' });

/** A thread that tries so many operations while it is being stopped catches the exception and tries again, for ever. */
const MOST_REFUSED = 10_000;

/** Whether the running thread is being stopped: its code is left by an exception, and each operation is refused. */
export class Unwinding {
  on = false;
  /** What ends the search, once the thread's code has been left; the first counts. */
  fault: IrqError | Restart | undefined;
  #refused = 0;

  begin(): void {
    if (!this.on) this.#refused = 0;
    this.on = true;
  }

  /** The thread will not let itself be stopped. */
  get isEndless(): boolean {
    return this.on && this.#refused > MOST_REFUSED;
  }

  /** Counts an operation that is refused; false where that is of no use. */
  refuse(): boolean {
    return ++this.#refused <= MOST_REFUSED;
  }

  /** The thread's code has been left. @throws the fault, if there is one */
  throwFault(): void {
    const { fault } = this;
    if (fault === undefined) return;
    this.fault = undefined;
    this.on = false;
    throw fault;
  }

  /** The thread's code has been cut off. @throws IrqError `ERR_UNSUPPORTED` where it would not be stopped */
  abandon(): void {
    if (this.isEndless) this.throwFault();
    this.on = false;
    this.fault = undefined;
  }

  /** An answer for a thread that will not be stopped, so that its loop may end: what the operation would give; nothing is written. */
  answer(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value {
    if (op === WAIT) return 'ok';
    if (op === NOTIFY) return 0;
    const one = new (array.constructor as new (n: number) => ElementArray)(1);
    one[0] = (array[index] ?? one[0]) as number;
    return outside(op, one, 0, a, b);
  }
}

/** @param frames - of one of the operations that were tried after the exception */
export function swallowsStop(
  { name, threadNames }: CheckedScenario,
  thread: number,
  [site = '']: readonly string[],
): IrqError {
  return new IrqError(
    'ERR_UNSUPPORTED',
    `scenario (${name}): thread ${threadNames[thread]} catches the exception that suspends it, and tries again without end${site === '' ? '' : `, at ${site}`}: a thread is stopped between two operations by an exception, which its code has to let through. Catch only what is yours: catch (error) { if (!(error instanceof Error)) throw error; … }`,
  );
}

/** @param why - what `what` does that a search of schedules cannot have, and what to use in its place */
export function uncontrolled(what: string, why: string, [site]: readonly string[] = []): IrqError {
  const where = site === undefined ? '' : ` at ${site}`;
  return new IrqError('ERR_UNSUPPORTED', `${what}${where} cannot be controlled: ${why}`);
}
