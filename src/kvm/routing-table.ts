import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import { type Gsi, IRQCHIP_PINS, MAX_IRQ_ROUTES } from './gsi.ts';
import { KvmError } from './kvm-error.ts';
import {
  addressOf,
  MSI_VALID_DEVID,
  putRoute,
  ROUTE_ADDRESS_HIGH,
  ROUTE_ADDRESS_LOW,
  ROUTE_DATA,
  ROUTE_DEVICE,
  ROUTE_FLAGS,
  ROUTE_IRQCHIP,
  ROUTE_MSI,
  ROUTE_NONE,
  ROUTE_TYPE,
  ROUTE_WORDS,
  type Route,
} from './route.ts';

const CALL = 'KVM_SET_GSI_ROUTING';
const COPIES = 2;

export type RoutingRegions = {
  /** The number of the copy in force. */
  readonly current: Region;
  /** By copy: highest GSI + 1. */
  readonly limits: Region;
  readonly routes: readonly Region[];
  /** By copy: pin → GSI, -1 where no route names the pin. Read at the EOI of a level-triggered interrupt. */
  readonly pins: readonly Region[];
};

/** GSIs of a table, and pins of the irqchip: {@link MAX_IRQ_ROUTES} and {@link IRQCHIP_PINS} in KVM. */
export type RoutingSizes = { readonly gsis: number; readonly pins: number };

/** The limits of an entry: a GSI below `gsis`; for an irqchip route, the one irqchip number and a pin below `pins`. */
export type RoutingRules = RoutingSizes & { readonly irqchip: number };

export function routingRegions(layout: Layout, { gsis, pins }: RoutingSizes): RoutingRegions {
  const copies = Array.from({ length: COPIES }, (_, copy) => `routing${copy}`);
  return {
    current: layout.region('routing.current', 1),
    limits: layout.region('routing.limits', COPIES),
    routes: copies.map((name) => layout.region(`${name}.routes`, gsis * ROUTE_WORDS)),
    pins: copies.map((name) => layout.region(`${name}.pins`, pins)),
  };
}

/** An entry of a routing table as KVM's checks see it; a field that its type lacks is 0. */
type Checked = {
  readonly gsi: Gsi;
  readonly type: number;
  readonly flags: number;
  readonly irqchip: number;
  readonly pin: Pin;
};

/** On arm64. */
const ARM_RULES: RoutingRules = { gsis: MAX_IRQ_ROUTES, pins: IRQCHIP_PINS, irqchip: 0 };

/** @throws KvmError EINVAL for more routes than the limit */
export function checkRouteCount(count: number): void {
  if (count > MAX_IRQ_ROUTES) {
    throw new KvmError(CALL, 'EINVAL', `a table has at most ${MAX_IRQ_ROUTES} routes, not ${count}`);
  }
}

/**
 * Checks entries one by one, in KVM's order. `seen` carries the check's state over one table.
 * @throws KvmError EINVAL
 * @see kvm_set_irq_routing and setup_routing_entry in irqchip.c, kvm_set_routing_entry in vgic-irqfd.c
 */
export function checkEntry(
  index: number,
  entry: Checked,
  seen: Uint8Array,
  rules: RoutingRules = ARM_RULES,
): void {
  const { gsi, type, flags, irqchip, pin } = entry;
  const refuse = (rule: string) => new KvmError(CALL, 'EINVAL', `entry ${index}: ${rule}`);
  if (!Number.isInteger(gsi) || gsi < 0 || gsi >= rules.gsis) {
    throw refuse(`a GSI is 0 to ${rules.gsis - 1}, not ${gsi}`);
  }
  if (type !== ROUTE_MSI && flags !== 0)
    throw refuse(`only an MSI route has flags, not 0x${flags.toString(16)}`);
  if ((flags & ~MSI_VALID_DEVID) !== 0) {
    throw refuse(
      `an MSI route knows the flag KVM_MSI_VALID_DEVID (1) only, not 0x${(flags >>> 0).toString(16)}`,
    );
  }
  if (seen[gsi]) throw refuse(`GSI ${gsi} has a route in this table already`);
  seen[gsi] = 1;
  if (type === ROUTE_IRQCHIP) {
    if (irqchip !== rules.irqchip) throw refuse(`there is one irqchip, ${rules.irqchip}, not ${irqchip}`);
    if (!(pin >= 0 && pin < rules.pins)) throw refuse(`a pin is 0 to ${rules.pins - 1}, not ${pin}`);
  } else if (type !== ROUTE_MSI) throw refuse(`a route is of type IRQCHIP (1) or MSI (2), not ${type}`);
}

/** @throws KvmError EINVAL for the first entry, in order, that KVM refuses */
export function validateRoutes(routes: readonly Route[], rules: RoutingRules = ARM_RULES): void {
  checkRouteCount(routes.length);
  const seen = new Uint8Array(rules.gsis);
  for (const [index, route] of routes.entries()) {
    const { gsi } = route;
    if (route.type === 'irqchip') {
      checkEntry(
        index,
        { gsi, type: ROUTE_IRQCHIP, flags: 0, irqchip: route.irqchip, pin: route.pin },
        seen,
        rules,
      );
    } else checkEntry(index, { gsi, type: ROUTE_MSI, flags: route.flags, irqchip: 0, pin: 0 }, seen, rules);
  }
}

/**
 * The GSI routing table: replaced as a whole, read without locks. There are two copies, and a word names the copy in
 * force. A writer builds a new table in the other copy and publishes it by that word; the old copy then stays untouched
 * until a grace period has passed. See `GenericVm.setGsiRouting` for the whole order.
 */
export class RoutingTable {
  readonly #words: Words;
  readonly #regions: RoutingRegions;
  readonly gsis: number;
  readonly pins: number;
  /** The number of the one irqchip that routes name. */
  readonly irqchip: number;

  constructor(words: Words, regions: RoutingRegions, irqchip: number) {
    this.#words = words;
    this.#regions = regions;
    this.gsis = (regions.routes[0]?.words ?? 0) / ROUTE_WORDS;
    this.pins = regions.pins[0]?.words ?? 0;
    this.irqchip = irqchip;
  }

  /** Makes an empty table. Called once, by the thread that creates the memory. */
  init(): void {
    for (const { at } of this.#regions.pins) {
      for (let pin = 0; pin < this.pins; pin++) store(this.#words, at + pin, -1);
    }
  }

  /**
   * Where the route of `gsi` lies, or -1. Call inside a reader section: the words do not change until the section ends.
   */
  find(gsi: Gsi): number {
    const copy = load(this.#words, this.#regions.current.at);
    if (gsi < 0 || gsi >= load(this.#words, this.#regions.limits.at + copy)) return -1;
    const at = (this.#regions.routes[copy]?.at ?? 0) + gsi * ROUTE_WORDS;
    return load(this.#words, at + ROUTE_TYPE) === ROUTE_NONE ? -1 : at;
  }

  /** The GSI of the last route that names `pin`, or -1. Call inside a reader section. */
  gsiOfPin(pin: Pin): Gsi {
    const copy = load(this.#words, this.#regions.current.at);
    return pin >= 0 && pin < this.pins ? load(this.#words, (this.#regions.pins[copy]?.at ?? 0) + pin) : -1;
  }

  /** Publishes a new table. The caller holds the irq lock; a grace period has passed since the last call. */
  publish(routes: readonly Route[]): void {
    const next = 1 - load(this.#words, this.#regions.current.at);
    this.#fill(next, routes);
    store(this.#words, this.#regions.current.at, next);
  }

  /** The table in force, by GSI. The caller holds the irq lock. Allocates. */
  entries(): Route[] {
    const routes: Route[] = [];
    const copy = load(this.#words, this.#regions.current.at);
    const limit = load(this.#words, this.#regions.limits.at + copy);
    for (let gsi: Gsi = 0; gsi < limit; gsi++) {
      const at = this.find(gsi);
      if (at >= 0) routes.push(this.#routeAt(at, gsi));
    }
    return routes;
  }

  #routeAt(at: number, gsi: Gsi): Route {
    const word = (field: number) => load(this.#words, at + field);
    if (word(ROUTE_TYPE) === ROUTE_IRQCHIP)
      return { type: 'irqchip', gsi, irqchip: this.irqchip, pin: word(ROUTE_DATA) };
    const address = addressOf(word(ROUTE_ADDRESS_LOW), word(ROUTE_ADDRESS_HIGH));
    return {
      type: 'msi',
      gsi,
      flags: word(ROUTE_FLAGS),
      address,
      data: word(ROUTE_DATA) >>> 0,
      deviceId: word(ROUTE_DEVICE) >>> 0,
    };
  }

  #fill(copy: number, routes: readonly Route[]): void {
    const table = this.#regions.routes[copy]?.at ?? 0;
    const pins = this.#regions.pins[copy]?.at ?? 0;
    const before = load(this.#words, this.#regions.limits.at + copy);
    for (let at = table; at < table + before * ROUTE_WORDS; at += ROUTE_WORDS) {
      const type = load(this.#words, at + ROUTE_TYPE);
      if (type === ROUTE_IRQCHIP) store(this.#words, pins + load(this.#words, at + ROUTE_DATA), -1);
      if (type !== ROUTE_NONE) store(this.#words, at + ROUTE_TYPE, ROUTE_NONE);
    }
    let limit = 0;
    for (const route of routes) {
      // guard: route-lies-at-gsi
      putRoute(this.#words, table + route.gsi * ROUTE_WORDS, route);
      if (route.type === 'irqchip') store(this.#words, pins + route.pin, route.gsi);
      limit = Math.max(limit, route.gsi + 1);
    }
    store(this.#words, this.#regions.limits.at + copy, limit);
  }
}
