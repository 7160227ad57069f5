import type { DeviceId } from '../arch/intid.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Vm } from '../kvm/vm.ts';
import type { Connection, DesignSource, UpdateCost, Userland } from './design.ts';

/** The name of a source in a call of KVM_IRQFD. */
export type IrqFdName = { readonly gsi: Gsi; readonly deviceId?: DeviceId };

type Named = IrqFdName & { readonly resamplefd?: Fd | undefined };

/**
 * A VMM of a design without a table. The call carries the name of the source, so the VMM keeps nothing else. To change
 * a source, the VMM deassigns and assigns the irqfd; events in between stay in the eventfd.
 */
export class NamedUserland implements Userland {
  readonly #vm: Vm;
  readonly #nameOf: (source: DesignSource) => IrqFdName | undefined;
  readonly #names = new Map<Fd, Named>();
  readonly #masked = new Set<Fd>();

  /** @param nameOf - returns undefined for a source that the design cannot name */
  constructor(vm: Vm, nameOf: (source: DesignSource) => IrqFdName | undefined) {
    this.#vm = vm;
    this.#nameOf = nameOf;
  }

  carries(source: DesignSource): boolean {
    return this.#nameOf(source) !== undefined;
  }

  connect({ fd, source, resamplefd }: Connection): UpdateCost {
    const name = { ...this.#nameFor(source), resamplefd };
    this.#assign(fd, name);
    this.#names.set(fd, name);
    return { calls: 1, entries: 0 };
  }

  connectAll(connections: readonly Connection[]): UpdateCost {
    for (const connection of connections) this.connect(connection);
    return { calls: connections.length, entries: 0 };
  }

  mask(fd: Fd): UpdateCost {
    this.#vm.deassignIrqFd(fd, this.#name(fd).gsi);
    this.#masked.add(fd);
    return { calls: 1, entries: 0 };
  }

  unmask(fd: Fd): UpdateCost {
    this.#assign(fd, this.#name(fd));
    this.#masked.delete(fd);
    return { calls: 1, entries: 0 };
  }

  reroute(fd: Fd, source: DesignSource): UpdateCost {
    const name = { ...this.#nameFor(source), resamplefd: this.#name(fd).resamplefd };
    const masked = this.#masked.has(fd);
    if (!masked) this.#vm.deassignIrqFd(fd, this.#name(fd).gsi);
    this.#names.set(fd, name);
    if (!masked) this.#assign(fd, name);
    return { calls: masked ? 0 : 2, entries: 0 };
  }

  disconnect(fd: Fd): UpdateCost {
    const { gsi } = this.#name(fd);
    const masked = this.#masked.delete(fd);
    if (!masked) this.#vm.deassignIrqFd(fd, gsi);
    this.#names.delete(fd);
    return { calls: masked ? 0 : 1, entries: 0 };
  }

  #assign(fd: Fd, { gsi, deviceId, resamplefd }: Named): void {
    this.#vm.assignIrqFd(fd, gsi, { deviceId, resamplefd });
  }

  #name(fd: Fd): Named {
    const name = this.#names.get(fd);
    if (!name) throw new KvmError('KVM_IRQFD', 'EBADF', `eventfd ${fd} is connected to nothing`);
    return name;
  }

  #nameFor(source: DesignSource): IrqFdName {
    const name = this.#nameOf(source);
    if (!name)
      throw new KvmError(
        'KVM_IRQFD',
        'EINVAL',
        `an irqfd of this design cannot name a source of kind ${source.kind}`,
      );
    return name;
  }
}
