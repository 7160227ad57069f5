import { IrqError } from '../../base/irq-error.ts';
import { outside } from '../control/call.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { type ElementArray, NOTIFY, type Value, WAIT } from './operation.ts';
import type { Restart } from './restart.ts';

/**
 * Thrown through a thread's code to stop the code. No Error, so that the engine captures no stack; frozen, so
 * that code that catches the object cannot write to it.
 */
export const STOP: object = Object.freeze({ irqloom: 'this thread is suspended; let it through' });

/** A thread that tries this many operations while being stopped catches the exception and retries forever. */
const MOST_REFUSED = 10_000;

/** Whether the running thread is being stopped: an exception leaves its code, and each operation is refused. */
export class Unwinding {
  on = false;
  /** The error that ends the search once the thread's code has been left; the first one counts. */
  fault: IrqError | Restart | undefined;
  #refused = 0;

  begin(): void {
    if (!this.on) this.#refused = 0;
    this.on = true;
  }

  /** Whether the thread refuses to stop. */
  get isEndless(): boolean {
    return this.on && this.#refused > MOST_REFUSED;
  }

  /** Counts a refused operation; false once refusing is useless. */
  refuse(): boolean {
    return ++this.#refused <= MOST_REFUSED;
  }

  /** Called after the thread's code was left. @throws the fault, if any */
  throwFault(): void {
    const { fault } = this;
    if (fault === undefined) return;
    this.fault = undefined;
    this.on = false;
    throw fault;
  }

  /** Called after the thread's code was cut off. @throws IrqError `ERR_UNSUPPORTED` if the thread refused to stop */
  abandon(): void {
    if (this.isEndless) this.throwFault();
    this.on = false;
    this.fault = undefined;
  }

  /** Answers a thread that refuses to stop, so that its loop may end: the operation's result, without a write. */
  answer(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value {
    if (op === WAIT) return 'ok';
    if (op === NOTIFY) return 0;
    const one = new (array.constructor as new (n: number) => ElementArray)(1);
    one[0] = (array[index] ?? one[0]) as number;
    return outside(op, one, 0, a, b);
  }
}

/** @param frames - the stack of an operation tried after the exception */
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

/** @param why - why a search of schedules cannot control `what`, and the alternative */
export function uncontrolled(what: string, why: string, [site]: readonly string[] = []): IrqError {
  const where = site === undefined ? '' : ` at ${site}`;
  return new IrqError('ERR_UNSUPPORTED', `${what}${where} cannot be controlled: ${why}`);
}
