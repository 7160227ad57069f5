import type { Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Route } from '../kvm/route.ts';
import type { Vm } from '../kvm/vm.ts';

/**
 * The VMM's copy of the routing table: KVM takes the table as a whole and returns none. Changes take effect at the
 * commit. As in QEMU, the last entry moves into the place of a released one, so entries are not in the order of their
 * GSIs. The order matters: it decides which GSI gets the EOI of a pin that two routes name.
 */
export class RouteShadow {
  readonly #routes: Route[] = [];
  readonly #places = new Map<Gsi, number>();

  /** @param routes - the table that the kernel has installed itself */
  constructor(routes: readonly Route[] = []) {
    for (const route of routes) this.add(route);
  }

  get size(): number {
    return this.#routes.length;
  }

  get(gsi: Gsi): Route | undefined {
    const place = this.#places.get(gsi);
    return place === undefined ? undefined : this.#routes[place];
  }

  /** @throws KvmError EEXIST if the GSI has a route */
  add(route: Route): void {
    if (this.#places.has(route.gsi))
      throw new KvmError('routes', 'EEXIST', `GSI ${route.gsi} has a route already`);
    this.#places.set(route.gsi, this.#routes.push(route) - 1);
  }

  /** Replaces a GSI's route. @throws KvmError ESRCH if the GSI has no route */
  update(route: Route): void {
    this.#routes[this.#placeOf(route.gsi)] = route;
  }

  /** @throws KvmError ESRCH if the GSI has no route */
  release(gsi: Gsi): void {
    const place = this.#placeOf(gsi);
    const last = this.#routes.pop();
    this.#places.delete(gsi);
    if (!last || last.gsi === gsi) return;
    this.#routes[place] = last;
    this.#places.set(last.gsi, place);
  }

  /** Installs the whole table; returns its number of entries. @throws KvmError as KVM_SET_GSI_ROUTING */
  commit(vm: Vm): number {
    vm.setGsiRouting(this.#routes);
    return this.#routes.length;
  }

  #placeOf(gsi: Gsi): number {
    const place = this.#places.get(gsi);
    if (place === undefined) throw new KvmError('routes', 'ESRCH', `GSI ${gsi} has no route`);
    return place;
  }
}
