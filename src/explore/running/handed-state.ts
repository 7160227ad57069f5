import { proxyOf, rawOf } from '../control/view-proxy.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { Blueprint } from './blueprint.ts';
import type { ElementArray } from './operation.ts';
import { Restart } from './restart.ts';

/**
 * The state that threads get: a fresh copy for each run, with a stand-in for each view of shared memory
 * (view-proxy.ts). Every JavaScript read and write of an element goes through the stand-in, also those that rewriting
 * misses: patterns, `Object.values`, `JSON.stringify`. Native code of the engine takes no stand-ins; if a scenario's
 * threads call such code, they get the views themselves, see native-use.ts.
 */
export class HandedState {
  readonly #scenario: CheckedScenario;
  readonly #state: unknown;
  #blueprint: Blueprint;
  #hasStandIns: boolean;

  /** @throws IrqError `ERR_SCENARIO` with the path of an object that cannot be copied. */
  constructor(scenario: CheckedScenario, state: unknown) {
    this.#scenario = scenario;
    this.#state = state;
    this.#hasStandIns = scenario.plain !== 'off' && scenario.nativeUse === undefined;
    this.#blueprint = new Blueprint(scenario.name, state, this.#hasStandIns);
  }

  get hasStandIns(): boolean {
    return this.#hasStandIns;
  }

  /** A fresh copy. */
  copy(): unknown {
    return this.#blueprint.copy();
  }

  /** Returns the stand-in that a thread gets for a view of shared memory that the thread has made. */
  standIn<V extends ArrayBufferView>(view: V): V {
    if (!this.#hasStandIns || !('BYTES_PER_ELEMENT' in view)) return view;
    return proxyOf(rawOf(view) as unknown as ElementArray) as unknown as V;
  }

  /** Runs `body`; meanwhile threads get the views themselves. */
  withViews<T>(body: () => T): T {
    const before = [this.#blueprint, this.#hasStandIns] as const;
    this.#blueprint = new Blueprint(this.#scenario.name, this.#state, false);
    this.#hasStandIns = false;
    try {
      return body();
    } finally {
      [this.#blueprint, this.#hasStandIns] = before;
    }
  }

  /**
   * Handles native use of views: thread `t` behaves differently with a stand-in than with the view, so the
   * thread hands views to native code. After the restart, threads get the views themselves; accesses by
   * native code are then no steps, and the result says so.
   * @param site - the place in the source; empty if unknown
   * @throws Restart always
   */
  foundNativeUse(t: number, site = ''): never {
    this.#scenario.nativeUse = { thread: this.#scenario.threadNames[t] ?? '', site };
    throw new Restart();
  }
}
