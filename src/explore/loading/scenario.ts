import { IrqError } from '../../base/irq-error.ts';

/**
 * One thread of a scenario: plain, synchronous, and a function of shared memory alone.
 * @param state - the thread's own copy, made afresh for each run, in which shared memory is shared.
 * @param own - what the scenario's `own` made for this run of this thread.
 */
export type ThreadBody<S, O = unknown> = (state: S, own: O) => void;

/** What a scenario says of the results it may have, after jcstress: each allowed one is listed beside the test. */
export type Outcomes<S> = {
  /** The result of one schedule, as a short string: `0,1`. */
  of(state: S): string;
  readonly allowed: readonly string[];
  /** Allowed too, and worth a mark when seen. */
  readonly interesting?: readonly string[];
};

/**
 * A small concurrent program, to be run under every schedule. All threads are enabled from the start. `setup` makes the
 * state: typed arrays over SharedArrayBuffers, plain data, and objects without private fields. Threads meet in those
 * buffers and nowhere else; they may keep nothing from run to run, as each thread is run many times in one schedule.
 */
export type Scenario<S = unknown, O = unknown> = {
  /** What tokens are bound to; `scenario` where not given. */
  readonly name?: string;
  /** Makes the state. Has to give the same bytes each time; Date, Math.random and crypto are seeded for it. */
  setup?(): S;
  /** In the place of `setup`: the state is an `Int32Array` over that many shared zero words. */
  readonly words?: number;
  /**
   * Makes what a thread has for itself, at the start of each of its runs and as a part of it: views of the shared memory,
   * objects with private fields. The thread gets it as its second argument.
   */
  own?(state: S, thread: string): O;
  readonly threads: Readonly<Record<string, ThreadBody<S, O>>>;
  /** Runs when the last thread has ended; throws if the end is wrong. */
  finally?(state: S): void;
  /** The name of the word at that byte of that buffer, or nothing to have it named by array and index. */
  names?(buffer: SharedArrayBuffer, byteOffset: number): string | undefined;
  readonly outcomes?: Outcomes<S>;
};

/** A scenario that has been checked: what the executors work on. */
export type CheckedScenario = {
  readonly name: string;
  readonly threadNames: readonly string[];
  readonly bodies: readonly ThreadBody<unknown>[];
  setup(): unknown;
  readonly finally: ((state: unknown) => void) | undefined;
  readonly names: ((buffer: SharedArrayBuffer, byteOffset: number) => string | undefined) | undefined;
  readonly outcomes: Outcomes<unknown> | undefined;
  /** `off`: accesses without Atomics are no points of a schedule, because the user wants it so. */
  readonly plain: 'points' | 'off';
  /** Whether its threads have changed what they had in common of their modules; from now on each has its own. */
  hasChanged(): boolean;
  /** Where a thread was found to hand a view of shared memory to code that takes no stand-ins; see native-use.ts. */
  nativeUse: NativeUse | undefined;
};

/** A thread that hands views to code of the engine, and where; the place is empty where it is not known. */
export type NativeUse = { readonly thread: string; readonly site: string };

/** Threads are kept in the bits of one small integer. */
const MOST_THREADS = 30;

const NAME = /^[\w.+-]{1,80}$/;

/** How a scenario was loaded. */
export type Loaded = {
  readonly plain?: 'points' | 'off';
  /**
   * Gives the same scenario in an instance of its modules for each start of a thread; setup and finally run in the
   * instance that the scenario is from.
   */
  readonly anew?: () => unknown;
  /** Whether threads have changed what all had in common of their modules; from then on `anew` gives each its own. */
  readonly hasChanged?: () => boolean;
};

/**
 * Checks that a value has the shape of a scenario.
 * @param where - what to call it in messages: a file, or `scenario`.
 * @param loaded - how it was loaded, where it comes from a file.
 * @throws IrqError `ERR_SCENARIO` with what is wrong and what would be right.
 */
export function checkScenario(value: unknown, where = 'scenario', loaded: Loaded = {}): CheckedScenario {
  if (!isRecord(value)) {
    return refuse(where, `it exports ${show(value)}`, 'export default { name, setup, threads, finally? }');
  }
  const { name = 'scenario', setup, words, own, threads, finally: check, names, outcomes } = value;
  if (typeof name !== 'string' || !NAME.test(name)) {
    return refuse(where, `\`name\` is ${show(name)}`, 'letters, digits, and . _ + - only, at most 80');
  }
  const label = `${where} (${name})`;
  if (setup !== undefined && typeof setup !== 'function') {
    return refuse(
      label,
      `\`setup\` is ${show(setup)}`,
      'setup() { return { words: new Int32Array(new SharedArrayBuffer(64)) } }',
    );
  }
  if ((setup === undefined) === (words === undefined)) {
    return refuse(
      label,
      'it has to have either `setup` or `words`',
      '`words: n` for n shared words, `setup()` for anything else',
    );
  }
  if (words !== undefined && !(Number.isInteger(words) && Number(words) > 0 && Number(words) <= 1 << 24)) {
    return refuse(label, `\`words\` is ${show(words)}`, 'a whole number from 1 to 16777216');
  }
  if (!isRecord(threads) || Object.keys(threads).length === 0) {
    return refuse(label, `\`threads\` is ${show(threads)}`, 'threads: { a(state) { … }, b(state) { … } }');
  }
  if (Object.keys(threads).length > MOST_THREADS) {
    return refuse(label, `it has ${Object.keys(threads).length} threads`, `at most ${MOST_THREADS}`);
  }
  for (const [thread, body] of Object.entries(threads)) requirePlain(label, `threads.${thread}`, body);
  if (setup !== undefined) requirePlain(label, 'setup', setup);
  if (check !== undefined) requirePlain(label, 'finally', check);
  if (own !== undefined) requirePlain(label, 'own', own);
  if (names !== undefined) requirePlain(label, 'names', names);
  if (outcomes !== undefined && !isOutcomes(outcomes)) {
    return refuse(
      label,
      `\`outcomes\` is ${show(outcomes)}`,
      "outcomes: { of: (state) => '0,1', allowed: ['0,1'] }",
    );
  }
  const { plain = 'points', anew = () => value } = loaded;
  let scenario = value as Scenario;
  return {
    name,
    threadNames: Object.keys(threads),
    bodies: Object.keys(threads).map((thread) => (state: unknown) => {
      // Looked up by name so that `this` is the threads object, as the source reads.
      const instance = anew() as Scenario;
      const mine = instance.own?.(state, thread);
      if (isThenable(mine)) throw asyncError(label, 'own', 'returned a promise');
      const result: unknown = instance.threads[thread]?.(state, mine);
      if (isThenable(result)) throw asyncError(label, `threads.${thread}`, 'returned a promise');
    }),
    setup: () => {
      if (typeof words === 'number') return new Int32Array(new SharedArrayBuffer(words * 4));
      const state: unknown = scenario.setup?.();
      if (isThenable(state)) throw asyncError(label, 'setup', 'returned a promise');
      return state;
    },
    finally:
      check === undefined
        ? undefined
        : (state) => {
            if (isThenable(scenario.finally?.(state)))
              throw asyncError(label, 'finally', 'returned a promise');
          },
    names: names === undefined ? undefined : (buffer, byteOffset) => scenario.names?.(buffer, byteOffset),
    outcomes: scenario.outcomes,
    plain,
    nativeUse: undefined,
    hasChanged() {
      if (loaded.hasChanged?.() !== true) return false;
      scenario = anew() as Scenario;
      return true;
    },
  };
}

/** Gives back its argument; lets an editor check and complete a scenario as it is written. */
export function defineScenario<S, O = unknown>(scenario: Scenario<S, O>): Scenario<S, O> {
  return scenario;
}

function requirePlain(where: string, what: string, value: unknown): void {
  if (typeof value !== 'function')
    refuse(where, `\`${what}\` is ${show(value)}`, `a function: ${what.split('.').at(-1)}(state) { … }`);
  const kind = Object.getPrototypeOf(value)?.constructor?.name;
  if (kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction')
    throw asyncError(where, what, 'is async');
  if (kind === 'GeneratorFunction') {
    throw new IrqError(
      'ERR_SCENARIO',
      `${where}: \`${what}\` is a generator, and would never run. Take the * away; to give way to other threads, just call Atomics: each call is a point where another thread may go on`,
    );
  }
}

function asyncError(where: string, what: string, how: string): IrqError {
  return new IrqError(
    'ERR_SCENARIO',
    `${where}: \`${what}\` ${how}, and the order of promises cannot be controlled. Make it a plain function: wait with Atomics.wait in the place of await, and split what runs at the same time into threads`,
  );
}

function refuse(where: string, wrong: string, right: string): never {
  throw new IrqError('ERR_SCENARIO', `${where} is not a scenario: ${wrong}; right would be: ${right}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOutcomes(value: unknown): value is Outcomes<unknown> {
  return isRecord(value) && typeof value.of === 'function' && Array.isArray(value.allowed);
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object without entries or of another kind';
  return JSON.stringify(value) ?? String(value);
}
