import type { DriverContext } from '../driver/context.ts';
import { AtRest, type Rule } from './at-rest.ts';
import { CONTROLLER_RULES } from './controller-rules.ts';
import { copyRules } from './copy-rules.ts';
import { MESSAGE_RULES } from './message-rules.ts';
import { ORDER_RULE } from './order-rule.ts';
import { REGISTER_RULES } from './register-rules.ts';
import type { RulesResult } from './rules-result.ts';
import { WIRE_RULES } from './wire-rules.ts';

/** Between two times of rest at which rules are looked at, ns; and how many are looked at then. */
const PAUSE_NS = 50e6;
const LOOKS = 3;

/** Breaches that are kept; more are counted only. */
const KEPT = 20;

/**
 * Looks at one rule after the other, in an order of the seed, each time that the machine is at rest. The driver's thread.
 */
export class RulesAtRest {
  readonly #rest: AtRest;
  readonly #rules: readonly Rule[];
  readonly #seen = new Set<string>();
  #next = 0;
  #looks = 0;
  #lookFrom = 0;
  #broken = 0;
  readonly #breaches: string[] = [];

  constructor(context: DriverContext, moveAll: () => boolean) {
    this.#rest = new AtRest(context, context.views.turns, moveAll);
    const keyed = [
      ...MESSAGE_RULES,
      ...WIRE_RULES,
      ...CONTROLLER_RULES,
      ...REGISTER_RULES,
      ORDER_RULE,
      ...copyRules(),
    ].map((rule) => ({
      rule,
      key: context.chance.bits(),
    }));
    this.#rules = keyed.sort((a, b) => a.key - b.key).map(({ rule }) => rule);
  }

  /** Looks at the next rules that this run has something for; now and then, so that signals have most of the time. */
  look(): void {
    const { clock } = this.#rest.context.machine;
    if (clock.now() < this.#lookFrom) return;
    // The rule before may have left an interrupt on its way, on a machine that is busy.
    for (let look = 0; look < LOOKS && this.#rest.comesToRest(); look++) this.#lookAtNext();
    this.#lookFrom = clock.now() + PAUSE_NS;
  }

  #lookAtNext(): void {
    for (let tries = 0; tries < this.#rules.length; tries++) {
      const rule = this.#rules[this.#next++ % this.#rules.length];
      if (!rule?.look(this.#rest)) continue;
      this.#looks++;
      this.#seen.add(rule.name);
      for (const breach of this.#rest.breaches.splice(0)) {
        this.#broken++;
        if (this.#breaches.length < KEPT) this.#breaches.push(`${rule.name}: ${breach}`);
      }
      return;
    }
  }

  get result(): RulesResult {
    return { looks: this.#looks, rules: this.#seen.size, broken: this.#broken, breaches: this.#breaches };
  }
}
