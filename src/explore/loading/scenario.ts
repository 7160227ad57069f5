import { Hooks } from './hooks.ts';
import { readShape } from './shape.ts';

/**
 * One thread of a scenario: plain, synchronous, and a function of shared memory alone.
 * @param state - the thread's own copy, made for each run; shared memory in it is shared.
 * @param own - the result of the scenario's `own` for this run of this thread.
 */
export type ThreadBody<S, O = unknown> = (state: S, own: O) => void;

/** The outcomes of a scenario, after jcstress: each allowed outcome is listed next to the test. */
export type Outcomes<S> = {
  /** The outcome of one schedule, as a short string: `0,1`. */
  of(state: S): string;
  readonly allowed: readonly string[];
  /** Allowed too, and worth a mark in the report. */
  readonly interesting?: readonly string[];
};

/**
 * A small concurrent program, to be run under every schedule. All threads are enabled from the start. `setup` makes the
 * state: typed arrays over SharedArrayBuffers, plain data, and objects without private fields. Threads communicate only
 * through those buffers. They must not keep anything between runs, because each thread runs many times in one schedule.
 */
export type Scenario<S = unknown, O = unknown> = {
  /** The name to which tokens are bound; default `scenario`. */
  readonly name?: string;
  /**
   * Makes the state. Must make the same bytes each time; the explorer seeds Date, Math.random and crypto for
   * this call.
   */
  setup?(): S;
  /** In place of `setup`: the state is an `Int32Array` over that many shared zero words. */
  readonly words?: number;
  /**
   * Makes a thread's own objects at the start of each of its runs, as part of the run: views of the shared memory,
   * objects with private fields. The thread gets them as its second argument.
   */
  own?(state: S, thread: string): O;
  readonly threads: Readonly<Record<string, ThreadBody<S, O>>>;
  /** Runs when the last thread has ended; throws if the end is wrong. */
  finally?(state: S): void;
  /** The name of the word at that byte of that buffer; undefined: array and index. Must not change anything. */
  names?(buffer: SharedArrayBuffer, byteOffset: number): string | undefined;
  readonly outcomes?: Outcomes<S>;
};

/** A checked scenario, in the form that executors use. */
export type CheckedScenario = {
  readonly name: string;
  readonly threadNames: readonly string[];
  readonly bodies: readonly ThreadBody<unknown>[];
  /**
   * By thread: the scenario's functions that its runs call, if all runs share the functions' captured variables. Empty
   * if each run has its own instance of the modules.
   */
  readonly closures: readonly (readonly object[])[];
  setup(): unknown;
  readonly finally: ((state: unknown) => void) | undefined;
  readonly names: ((buffer: SharedArrayBuffer, byteOffset: number) => string | undefined) | undefined;
  readonly outcomes: Outcomes<unknown> | undefined;
  /** `off`: accesses without Atomics are no points of a schedule, by the user's choice. */
  readonly plain: 'points' | 'off';
  /** Whether its threads have changed shared state of their modules; from now on, each has its own. */
  hasChanged(): boolean;
  /** A place at which a thread hands a view of shared memory to code that takes no stand-ins; see native-use.ts. */
  nativeUse: NativeUse | undefined;
};

/** A thread that hands views to native code, and the place; empty if unknown. */
export type NativeUse = { readonly thread: string; readonly site: string };

/** How a scenario was loaded. */
export type Loaded = {
  readonly plain?: 'points' | 'off';
  /**
   * Returns the same scenario in a new instance of its modules, for each start of a thread; setup and finally run in
   * the scenario's own instance.
   */
  readonly anew?: () => unknown;
  /** Whether threads have changed shared state of their modules; from then on, `anew` gives each its own. */
  readonly hasChanged?: () => boolean;
};

/**
 * Checks that a value has the shape of a scenario.
 * @param where - the name in messages: a file, or `scenario`.
 * @param loaded - the way of loading, if from a file.
 * @throws IrqError `ERR_SCENARIO` with the mistake and the right form.
 */
export function checkScenario(value: unknown, where = 'scenario', loaded: Loaded = {}): CheckedScenario {
  const { label, name, words, threadNames, has } = readShape(value, where);
  const { plain = 'points', anew } = loaded;
  const hooks = new Hooks(label);
  let scenario = value as Scenario;
  return {
    name,
    threadNames,
    bodies: threadNames.map((thread) => bodyOf(scenario, thread, hooks, anew)),
    closures:
      anew === undefined
        ? threadNames.map((thread) =>
            [scenario.threads[thread], scenario.own].filter((each) => each !== undefined),
          )
        : [],
    setup: () =>
      words === undefined
        ? hooks.setup(() => scenario.setup?.())
        : new Int32Array(new SharedArrayBuffer(words * 4)),
    finally: has.finally
      ? (state) => {
          const returned = scenario.finally?.(state) as unknown;
          if (returned !== undefined) hooks.requireNow('finally', returned);
        }
      : undefined,
    names: has.names
      ? (buffer, byteOffset) => hooks.name(() => scenario.names?.(buffer, byteOffset))
      : undefined,
    outcomes: has.outcomes ? outcomesOf(() => scenario.outcomes as Outcomes<unknown>, hooks) : undefined,
    plain,
    nativeUse: undefined,
    hasChanged() {
      if (loaded.hasChanged?.() !== true) return false;
      scenario = (anew?.() ?? value) as Scenario;
      return true;
    },
  };
}

/** Runs a thread of the scenario; `this` is the threads object, as the source reads. */
function bodyOf(
  scenario: Scenario,
  thread: string,
  hooks: Hooks,
  anew: Loaded['anew'],
): (state: unknown) => void {
  const what = `threads.${thread}`;
  const { threads, own } = scenario;
  const body = threads[thread];
  // speed: bench explore. Each schedule calls this once a thread.
  if (anew === undefined && own === undefined && typeof body === 'function') {
    return (state) => {
      const returned = body.call(threads, state, undefined) as unknown;
      if (returned !== undefined) hooks.requireNow(what, returned);
    };
  }
  return (state) => {
    const instance = (anew?.() ?? scenario) as Scenario;
    const mine = instance.own?.(state, thread);
    if (mine !== undefined) hooks.requireNow('own', mine);
    const returned = instance.threads[thread]?.(state, mine) as unknown;
    if (returned !== undefined) hooks.requireNow(what, returned);
  };
}

function outcomesOf(current: () => Outcomes<unknown>, hooks: Hooks): Outcomes<unknown> {
  const { allowed, interesting = [] } = current();
  return {
    of: (state) => hooks.outcome(current().of(state)),
    allowed: [...allowed],
    interesting: [...interesting],
  };
}

/** Returns its argument; lets an editor check and complete a scenario during typing. */
export function defineScenario<S, O = unknown>(scenario: Scenario<S, O>): Scenario<S, O> {
  return scenario;
}
