import { type Fd, type Gsi, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import type { Vm } from '../kvm/vm.ts';
import type { Connection, DesignSource, UpdateCost, Userland } from './design.ts';
import { GsiAllocator } from './gsi-allocator.ts';
import { VMM_POLICIES, type VmmPolicy } from './policies.ts';
import { RouteShadow } from './route-shadow.ts';

type Vector = {
  readonly fd: Fd;
  readonly gsi: Gsi;
  readonly resamplefd: Fd | undefined;
  source: DesignSource;
  masked: boolean;
};

/**
 * A VMM that names its sources by GSI, and keeps a shadow of the routing table, because the kernel takes only whole
 * tables.
 *
 * A vector masked by its irqfd keeps events in its eventfd, and the next assignment of the irqfd injects them: no event
 * is lost, and no table is committed. A vector masked by its route costs a whole table, and the kernel drops its
 * events. @see race-catalogue `mask-removes-route`
 */
export class TableUserland implements Userland {
  readonly #vm: Vm;
  readonly #wiredRoutes: boolean;
  readonly #policy: VmmPolicy;
  readonly #routes: RouteShadow;
  readonly #gsis: GsiAllocator;
  readonly #vectors = new Map<Fd, Vector>();

  /** @param wiredRoutes - whether wired sources need routes in the table */
  constructor(vm: Vm, wiredRoutes: boolean, policy: VmmPolicy = VMM_POLICIES.qemu) {
    this.#vm = vm;
    this.#wiredRoutes = wiredRoutes;
    this.#policy = policy;
    this.#routes = new RouteShadow(vm.routing.entries());
    this.#gsis = new GsiAllocator(policy, vm.vgic.spis, MAX_IRQ_ROUTES);
  }

  carries(_source: DesignSource): boolean {
    return true;
  }

  connect(connection: Connection): UpdateCost {
    return this.connectAll([connection]);
  }

  connectAll(connections: readonly Connection[]): UpdateCost {
    const { irqfdFirst } = this.#policy;
    let changed = false;
    const vectors = connections.map(({ fd, source, resamplefd }): Vector => {
      const gsi = source.kind === 'wired' ? (source.pin as number) : this.#gsis.allocate();
      const vector = { fd, gsi, resamplefd, source, masked: false };
      this.#vectors.set(fd, vector);
      if (irqfdFirst) this.#assign(vector);
      changed = this.#put(gsi, source) || changed;
      return vector;
    });
    const entries = changed ? this.#routes.commit(this.#vm) : 0;
    if (!irqfdFirst) for (const vector of vectors) this.#assign(vector);
    return { calls: vectors.length + (changed ? 1 : 0), entries };
  }

  mask(fd: Fd): UpdateCost {
    const vector = this.#vector(fd);
    vector.masked = true;
    if (this.#masksByRoute(vector)) {
      this.#routes.release(vector.gsi);
      return { calls: 1, entries: this.#routes.commit(this.#vm) };
    }
    this.#vm.deassignIrqFd(fd, vector.gsi);
    return { calls: 1, entries: 0 };
  }

  unmask(fd: Fd): UpdateCost {
    const vector = this.#vector(fd);
    vector.masked = false;
    if (this.#masksByRoute(vector)) return this.#route(vector.gsi, vector.source);
    this.#assign(vector);
    return { calls: 1, entries: 0 };
  }

  reroute(fd: Fd, source: DesignSource): UpdateCost {
    const vector = this.#vector(fd);
    const inTable = !(vector.masked && this.#masksByRoute(vector));
    vector.source = source;
    return inTable ? this.#route(vector.gsi, source) : { calls: 0, entries: 0 };
  }

  disconnect(fd: Fd): UpdateCost {
    const vector = this.#vector(fd);
    const { gsi, source, masked } = vector;
    const byRoute = this.#masksByRoute(vector);
    if (!masked || byRoute) this.#vm.deassignIrqFd(fd, gsi);
    this.#vectors.delete(fd);
    if (source.kind === 'wired') return { calls: 1, entries: 0 };
    this.#gsis.release(gsi);
    if (masked && byRoute) return { calls: 1, entries: 0 };
    this.#routes.release(gsi);
    return { calls: 2, entries: this.#routes.commit(this.#vm) };
  }

  /** Only MSI-X vectors are masked by route: the route of a wired interrupt stays. */
  #masksByRoute({ source }: Vector): boolean {
    return source.kind === 'msi' && this.#policy.maskBy === 'route';
  }

  #vector(fd: Fd): Vector {
    const vector = this.#vectors.get(fd);
    if (!vector) throw new KvmError('KVM_IRQFD', 'EBADF', `eventfd ${fd} is connected to nothing`);
    return vector;
  }

  #assign({ fd, gsi, resamplefd }: Vector): void {
    this.#vm.assignIrqFd(fd, gsi, { resamplefd });
  }

  #route(gsi: Gsi, source: DesignSource): UpdateCost {
    return this.#put(gsi, source)
      ? { calls: 1, entries: this.#routes.commit(this.#vm) }
      : { calls: 0, entries: 0 };
  }

  /** Puts a route into the shadow; false if the table already has everything that the source needs. */
  #put(gsi: Gsi, source: DesignSource): boolean {
    const known = this.#routes.get(gsi);
    const wanted = routeOf(gsi, source);
    if (source.kind === 'wired' && (!this.#wiredRoutes || isSame(known, wanted))) return false;
    if (known) this.#routes.update(wanted);
    else this.#routes.add(wanted);
    return true;
  }
}

function routeOf(gsi: Gsi, source: DesignSource): Route {
  if (source.kind === 'wired') return { type: 'irqchip', gsi, irqchip: 0, pin: source.pin };
  const { doorbell: address, eventId: data, deviceId } = source;
  return { type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data, deviceId };
}

function isSame(a: Route | undefined, b: Route): boolean {
  return a?.type === 'irqchip' && b.type === 'irqchip' && a.pin === b.pin;
}
