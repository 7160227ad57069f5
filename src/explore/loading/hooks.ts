import { IrqError } from '../../base/irq-error.ts';
import { printable } from '../../base/printable.ts';
import { readThrown } from '../../base/thrown.ts';
import { framesOf } from '../telling/sites.ts';

/** Longest shown name of a word: names are in columns. */
const LONGEST_NAME = 60;

/** Calls the functions of one scenario, and checks their results. */
export class Hooks {
  readonly #label: string;

  /** @param label - the scenario's name in messages */
  constructor(label: string) {
    this.#label = label;
  }

  /** @throws IrqError `ERR_SCENARIO` if `setup` throws or returns a promise */
  setup(call: () => unknown): unknown {
    let state: unknown;
    try {
      state = call();
    } catch (thrown) {
      throw this.#threw('setup', thrown, 'It has to return the state, each time the same');
    }
    this.requireNow('setup', state);
    return state;
  }

  /** @throws IrqError `ERR_SCENARIO` if `names` throws, or returns no text */
  name(call: () => unknown): string | undefined {
    let name: unknown;
    try {
      name = call();
    } catch (thrown) {
      throw this.#threw('names', thrown, RIGHT_NAME);
    }
    if (name === undefined || name === null) return undefined;
    if (typeof name !== 'string') {
      throw new IrqError('ERR_SCENARIO', `${this.#label}: \`names\` returned ${show(name)}. ${RIGHT_NAME}`);
    }
    const text = printable(name).replace(/\s+/g, ' ');
    return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME - 1)}…` : text;
  }

  /** @throws IrqError `ERR_SCENARIO` for a promise, TypeError for any other value that is no text */
  outcome(value: unknown): string {
    this.requireNow('outcomes.of', value);
    if (typeof value === 'string') return value;
    throw new TypeError(`the outcome is ${readThrown(value).message}; it has to be a string`);
  }

  /** @throws IrqError `ERR_SCENARIO` if a function of the scenario has returned a promise */
  requireNow(what: string, returned: unknown): void {
    if (isThenable(returned)) throw asyncError(this.#label, what, 'returned a promise');
  }

  #threw(what: string, thrown: unknown, right: string): unknown {
    if (thrown instanceof IrqError) return thrown;
    const { isError, name, message, stack } = readThrown(thrown);
    const [site] = framesOf(stack);
    const where = site === undefined ? '' : ` at ${site}`;
    return new IrqError(
      'ERR_SCENARIO',
      `${this.#label}: \`${what}\` threw ${isError ? `${name}: ` : ''}${message}${where}. ${right}`,
      { cause: thrown },
    );
  }
}

const RIGHT_NAME = 'It has to return the name of a word as a string, or nothing';

/** The error for a function of a scenario that runs asynchronously. */
export function asyncError(where: string, what: string, how: string): IrqError {
  return new IrqError(
    'ERR_SCENARIO',
    `${where}: \`${what}\` ${how}, and the order of promises cannot be controlled. Make it a plain function: wait with Atomics.wait in the place of await, and split what runs at the same time into threads`,
  );
}

function isThenable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return false;
  }
}

/** Describes a value for messages. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object without entries or of another kind';
  return typeof value === 'string' ? JSON.stringify(value) : readThrown(value).message;
}
