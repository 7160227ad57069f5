import type { Gsi } from '../gsi.ts';
import { KvmError } from '../kvm-error.ts';
import { MSI_VALID_DEVID, type Route } from '../route.ts';
import type { Vm } from '../vm.ts';
import type { Source, UpdateCost, Userland, UserlandOptions } from './design.ts';

/** Chooses a GSI for an MSI source; `isFree` says which are. -1 where there is none. */
export type GsiChoice = (isFree: (gsi: number) => boolean) => number;

type Vector = { readonly gsi: number; source: Source; masked: boolean };

/**
 * A VMM that names its sources by GSI, and keeps a shadow of the routing table because the kernel takes it whole only.
 * Masked by its irqfd, a vector keeps what is signalled meanwhile in its eventfd, to be injected when the irqfd is
 * assigned again: nothing is lost, and no table is committed. Masked by its route, it costs a whole table, and what is
 * signalled is dropped. @see race-catalogue `mask-removes-route`
 */
export class TableUserland implements Userland {
  readonly #vm: Vm;
  readonly #wiredRoutes: boolean;
  readonly #byRoute: boolean;
  readonly #choose: GsiChoice;
  readonly #routes = new Map<number, Route>();
  readonly #vectors = new Map<number, Vector>();

  /**
   * @param wiredRoutes - whether wired sources need a route of their own in the table
   * @param choose - picks the GSI of an MSI
   */
  constructor(vm: Vm, wiredRoutes: boolean, choose: GsiChoice, { maskBy = 'irqfd' }: UserlandOptions = {}) {
    this.#vm = vm;
    this.#byRoute = maskBy === 'route';
    this.#wiredRoutes = wiredRoutes;
    this.#choose = choose;
    for (const route of vm.routing.entries()) this.#routes.set(route.gsi, route);
  }

  carries(_source: Source): boolean {
    return true;
  }

  connect(fd: number, source: Source): UpdateCost {
    const gsi = source.kind === 'wired' ? source.pin : this.#choose((gsi) => !this.#routes.has(gsi));
    if (gsi < 0) throw new KvmError('KVM_SET_GSI_ROUTING', 'ENOSPC', 'every GSI has a route already');
    this.#vectors.set(fd, { gsi, source, masked: false });
    const committed = this.#route(gsi, source);
    this.#vm.assignIrqFd(fd, gsi);
    return { calls: committed.calls + 1, entries: committed.entries };
  }

  mask(fd: number): UpdateCost {
    const vector = this.#vector(fd);
    vector.masked = true;
    if (this.#byRoute) {
      this.#routes.delete(vector.gsi);
      return { calls: 1, entries: this.#commit() };
    }
    this.#vm.deassignIrqFd(fd, vector.gsi);
    return { calls: 1, entries: 0 };
  }

  unmask(fd: number): UpdateCost {
    const vector = this.#vector(fd);
    vector.masked = false;
    if (this.#byRoute) return this.#route(vector.gsi, vector.source);
    this.#vm.assignIrqFd(fd, vector.gsi);
    return { calls: 1, entries: 0 };
  }

  reroute(fd: number, source: Source): UpdateCost {
    const vector = this.#vector(fd);
    vector.source = source;
    return this.#route(vector.gsi, source);
  }

  disconnect(fd: number): UpdateCost {
    const { gsi, source, masked } = this.#vector(fd);
    if (!masked || this.#byRoute) this.#vm.deassignIrqFd(fd, gsi);
    this.#vectors.delete(fd);
    if (source.kind === 'wired') return { calls: 1, entries: 0 };
    this.#routes.delete(gsi);
    return { calls: 2, entries: this.#commit() };
  }

  #vector(fd: number): Vector {
    const vector = this.#vectors.get(fd);
    if (!vector) throw new KvmError('KVM_IRQFD', 'EBADF', `eventfd ${fd} is connected to nothing`);
    return vector;
  }

  #route(gsi: number, source: Source): UpdateCost {
    const wanted = routeOf(gsi as Gsi, source);
    if (source.kind === 'wired' && (!this.#wiredRoutes || isSame(this.#routes.get(gsi), wanted))) {
      return { calls: 0, entries: 0 };
    }
    this.#routes.set(gsi, wanted);
    return { calls: 1, entries: this.#commit() };
  }

  #commit(): number {
    this.#vm.setGsiRouting([...this.#routes.values()]);
    return this.#routes.size;
  }
}

function routeOf(gsi: Gsi, source: Source): Route {
  if (source.kind === 'wired') return { type: 'irqchip', gsi, irqchip: 0, pin: source.pin };
  const { doorbell: address, eventId: data, deviceId } = source;
  return { type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data, deviceId };
}

function isSame(a: Route | undefined, b: Route): boolean {
  return a?.type === 'irqchip' && b.type === 'irqchip' && a.pin === b.pin;
}

/** QEMU's choice: the lowest GSI that is free, above the wired ones. */
export function lowestFreeFrom(first: number, limit: number): GsiChoice {
  return (isFree) => {
    for (let gsi = first; gsi < limit; gsi++) if (isFree(gsi)) return gsi;
    return -1;
  };
}
