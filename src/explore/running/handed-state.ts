import { proxyOf, rawOf } from '../control/view-proxy.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { Blueprint } from './blueprint.ts';
import type { ElementArray } from './operation.ts';
import { Restart } from './restart.ts';

/**
 * What threads get as their state: a fresh copy for each run, in which a stand-in takes the place of each view of shared
 * memory (view-proxy.ts). Every read and write of an element by JavaScript goes through the stand-in, also those that no
 * rewriting shows: patterns, `Object.values`, `JSON.stringify`. Code of the engine that is not JavaScript takes no
 * stand-ins; the threads of a scenario that calls such code get the views themselves, see native-use.ts.
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

  /** What a thread gets in the place of a view of shared memory that the thread has made. */
  standIn<V extends ArrayBufferView>(view: V): V {
    if (!this.#hasStandIns || !('BYTES_PER_ELEMENT' in view)) return view;
    return proxyOf(rawOf(view) as unknown as ElementArray) as unknown as V;
  }

  /** Runs `body`; threads get the views themselves meanwhile. */
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
   * Thread `t` does otherwise with a stand-in than with the view: it hands views to native code. From the next beginning
   * on threads get the views themselves, and what native code does to them is no step, which the result says.
   * @param site - where; empty where that is not known
   * @throws Restart always
   */
  foundNativeUse(t: number, site = ''): never {
    this.#scenario.nativeUse = { thread: this.#scenario.threadNames[t] ?? '', site };
    throw new Restart();
  }
}
