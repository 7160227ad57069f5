import type { Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Route } from '../kvm/route.ts';
import type { Vm } from '../kvm/vm.ts';

/**
 * The copy of the routing table that a VMM keeps, because KVM takes the table whole and gives none back. Changing it
 * changes nothing until it is committed. An entry that is released leaves its place to the last one, as in QEMU: so the
 * order, which decides what GSI a pin that two routes name is acknowledged to, is not that of the GSIs.
 */
export class RouteShadow {
  readonly #routes: Route[] = [];
  readonly #places = new Map<Gsi, number>();

  /** @param routes - what the kernel has put in force by itself */
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

  /** Gives a GSI another route. @throws KvmError ESRCH if it has none */
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

  /** Puts the whole table in force; how many entries it had. @throws KvmError as KVM_SET_GSI_ROUTING */
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
