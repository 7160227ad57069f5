import { begun, changed } from '../running/round-marks.ts';
import type { Variables } from './state-watch.ts';

/** The name of the object with these functions in rewritten code, unless the code uses the name itself. */
export const ACCESS_NAME = '$irq';

/** Reads and writes of elements, for any target; both return the values that JavaScript would. */
export type Elements = {
  get(target: unknown, key: unknown): unknown;
  set(target: unknown, key: unknown, value: unknown): unknown;
  /** `new callee(...args)` */
  construct(callee: unknown, args: readonly unknown[]): unknown;
  /** The view behind a stand-in; any other value unchanged. */
  viewOf(value: unknown): unknown;
};

/**
 * The functions that rewritten code calls; see rewrite.ts. Each acts as the JavaScript that the call
 * replaces.
 */
export type Access = ReturnType<typeof makeAccess>;

type Put = (target: unknown, key: unknown, value: unknown) => unknown;
type Compute = (value: unknown) => unknown;

/** A sloppy-mode assignment, which fails silently. */
const putLoosely = new Function('target', 'key', 'value', 'return target[key] = value') as Put;

/** Makes the functions for rewritten code from functions that read and write one element. */
export function makeAccess(
  { get, set, construct, viewOf }: Elements,
  watch: (variables: Variables) => void = () => {},
) {
  const setLoose: Put = (target, key, value) =>
    ArrayBuffer.isView(target) ? set(target, key, value) : putLoosely(target, key, value);
  const { assign, nullish, or, and, increment, decrement, postIncrement, postDecrement, place } = over(
    get,
    set,
  );
  const loose = over(get, setLoose);
  return {
    get,
    set,
    setLoose,
    construct,
    /** Takes the variables of a module at its start. */
    watch,
    /** By place in the code: counts of changes and of births; see carried.ts. */
    changed,
    begun,
    /** `x = value`, for a variable that a loop may carry. */
    as<T>(place: number, before: unknown, value: T): T {
      if (!Object.is(before, value)) (changed[place] as number)++;
      return value;
    },
    /** `a[k] op= v`, for operators that always assign. */
    assign,
    assignLoose: loose.assign,
    /** `a[k] ??= v` */
    nullish,
    nullishLoose: loose.nullish,
    /** `a[k] ||= v` */
    or,
    orLoose: loose.or,
    /** `a[k] &&= v` */
    and,
    andLoose: loose.and,
    increment,
    incrementLoose: loose.increment,
    decrement,
    decrementLoose: loose.decrement,
    postIncrement,
    postIncrementLoose: loose.postIncrement,
    postDecrement,
    postDecrementLoose: loose.postDecrement,
    /** An element that is the target of a pattern or a loop. */
    place,
    placeLoose: loose.place,
    /** The rest of a chain after a `?.`. */
    chain(base: unknown, rest: Compute): unknown {
      return base === null || base === undefined ? undefined : rest(base);
    },
    /** The method of `a.b?.(…)`, with its `this`. */
    bind(object: unknown, method: (object: unknown) => unknown): unknown {
      const found = method(object);
      if (found === null || found === undefined) return found;
      return (...given: unknown[]) => Reflect.apply(found as () => unknown, object, given);
    },
    /** The source of a pattern that names elements by number, or of a copy by `{ ...a }`. */
    pattern(value: unknown): unknown {
      const view = viewOf(value);
      if (!ArrayBuffer.isView(view) || !(view.buffer instanceof SharedArrayBuffer)) return value;
      // A proxy of the view itself: with a stand-in, the engine's queries of the proxy's target would count.
      return new Proxy(view, { get: (target, key) => get(target, key) });
    },
  };
}

function over(get: Elements['get'], set: Put) {
  return {
    assign(target: unknown, key: unknown, compute: Compute): unknown {
      return set(target, key, compute(get(target, key)));
    },
    nullish(target: unknown, key: unknown, compute: () => unknown): unknown {
      return get(target, key) ?? set(target, key, compute());
    },
    or(target: unknown, key: unknown, compute: () => unknown): unknown {
      return get(target, key) || set(target, key, compute());
    },
    and(target: unknown, key: unknown, compute: () => unknown): unknown {
      return get(target, key) && set(target, key, compute());
    },
    increment(target: unknown, key: unknown): unknown {
      let value = get(target, key) as number;
      return set(target, key, ++value);
    },
    decrement(target: unknown, key: unknown): unknown {
      let value = get(target, key) as number;
      return set(target, key, --value);
    },
    postIncrement(target: unknown, key: unknown): unknown {
      let value = get(target, key) as number;
      const old = value++;
      set(target, key, value);
      return old;
    },
    postDecrement(target: unknown, key: unknown): unknown {
      let value = get(target, key) as number;
      const old = value--;
      set(target, key, value);
      return old;
    },
    place(target: unknown, key: unknown): { value: unknown } {
      return {
        get value() {
          return get(target, key);
        },
        set value(value: unknown) {
          set(target, key, value);
        },
      };
    },
  };
}
