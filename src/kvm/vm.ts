import type { Interrupts } from '../gic/interrupts.ts';
import type { Lpis } from '../gic/lpis.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX_WORDS, Mutex } from '../memory/mutex.ts';
import { Readers, readersWords } from '../memory/readers.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Fd, Gsi } from './gsi.ts';
import { Injector, MSI_EBUSY, MSI_EINVAL, MSI_ENODEV, type PlacedIts } from './injector.ts';
import { irqLine } from './irq-line.ts';
import { type Dispatch, type IrqFdRegions, IrqFds, irqFdRegions } from './irqfds.ts';
import { KvmError } from './kvm-error.ts';
import { MSI_VALID_DEVID, type Route } from './route.ts';
import { type RoutingRegions, RoutingTable, routingRegions, validateRoutes } from './routing-table.ts';

export type VmRegions = {
  readonly readers: Region;
  readonly routing: RoutingRegions;
  readonly irqfds: IrqFdRegions;
  /** Serialises replacements of the routing table. KVM: irq_lock. */
  readonly lock: Region;
  /** One word: the vgic is initialised (KVM_DEV_ARM_VGIC_CTRL_INIT). */
  readonly ready: Region;
};

/** @param threads - how many threads will attach to the machine at most */
export function vmRegions(layout: Layout, eventfds: number, threads: number): VmRegions {
  return {
    readers: layout.region('readers', readersWords(threads)),
    routing: routingRegions(layout),
    irqfds: irqFdRegions(layout, eventfds),
    lock: layout.region('kvm.irqLock', MUTEX_WORDS),
    ready: layout.region('kvm.ready', 1),
  };
}

export type VmParts = {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  readonly itses: readonly PlacedIts[];
  readonly dispatch: Dispatch;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  /** A fault put in on purpose: irqfds are not told of a new routing table. */
  readonly keepsStaleRoutes?: boolean;
};

/**
 * A VM as userland sees it: KVM's calls for raising and routing interrupts. One view a thread; any thread may call.
 * Calls that KVM refuses throw {@link KvmError}.
 */
export class Vm {
  readonly #words: Words;
  readonly #ready: number;
  readonly #lock: Mutex;
  readonly #interrupts: Interrupts;
  readonly #keepsStaleRoutes: boolean;
  readonly readers: Readers;
  readonly routing: RoutingTable;
  readonly injector: Injector;
  readonly irqfds: IrqFds;

  constructor(words: Words, regions: VmRegions, parts: VmParts) {
    this.#words = words;
    this.#ready = regions.ready.at;
    this.#lock = new Mutex(words, regions.lock, 'kvm.irqLock');
    this.#interrupts = parts.interrupts;
    this.#keepsStaleRoutes = parts.keepsStaleRoutes ?? false;
    this.readers = new Readers(words, regions.readers);
    this.routing = new RoutingTable(words, regions.routing);
    this.injector = new Injector(
      words,
      { ...parts, routing: this.routing, readers: this.readers },
      parts.reader,
    );
    this.irqfds = new IrqFds(words, regions.irqfds, {
      ...parts,
      readers: this.readers,
      routing: this.routing,
      injector: this.injector,
    });
  }

  /** Once, by who creates the memory. */
  init(): void {
    this.routing.init();
    this.irqfds.init();
  }

  /** KVM_DEV_ARM_VGIC_CTRL_INIT: from here on irqfds work; the default table (GSI n → pin n) replaces whatever was set. */
  initVgic(): void {
    if (load(this.#words, this.#ready) !== 0) return;
    store(this.#words, this.#ready, 1);
    const spis = this.#interrupts.endSpi - 32;
    this.setGsiRouting(
      Array.from({ length: spis }, (_, pin) => ({ type: 'irqchip', gsi: pin as Gsi, irqchip: 0, pin })),
    );
  }

  /**
   * KVM_SET_GSI_ROUTING: replaces the whole table, or nothing. When it returns, no lookup uses the old one any more.
   *
   * The order is KVM's: build, publish, refresh the copies in the irqfds, wait for the readers of the old table.
   * @throws KvmError EINVAL by {@link validateRoutes}
   * @see kvm_set_irq_routing in irqchip.c
   */
  setGsiRouting(routes: readonly Route[]): void {
    validateRoutes(routes);
    this.#lock.lock();
    try {
      this.routing.publish(routes);
      if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();
      this.readers.synchronize();
    } finally {
      this.#lock.unlock();
    }
  }

  /** KVM_IRQFD. @throws KvmError EAGAIN before {@link initVgic}, EBADF, EBUSY, ENOMEM */
  assignIrqFd(fd: Fd, gsi: number): void {
    if (load(this.#words, this.#ready) === 0) {
      throw new KvmError(
        'KVM_IRQFD',
        'EAGAIN',
        'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first',
      );
    }
    this.irqfds.assign(fd, gsi);
  }

  /** KVM_IRQFD with DEASSIGN. 0 even where nothing matched, as in KVM. @throws KvmError EBADF */
  deassignIrqFd(fd: Fd, gsi: number): void {
    this.irqfds.deassign(fd, gsi);
  }

  /** KVM_IRQ_LINE with a packed irq. @throws KvmError EBUSY before {@link initVgic}, EINVAL, ENXIO */
  irqLine(irq: number, level: boolean): void {
    if (load(this.#words, this.#ready) === 0) {
      throw new KvmError(
        'KVM_IRQ_LINE',
        'EBUSY',
        'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first',
      );
    }
    irqLine(this.#interrupts, irq, level);
  }

  /**
   * KVM_SIGNAL_MSI, which bypasses the routing table.
   * @returns 1 delivered (latched, even where the LPI is disabled), 0 blocked by the guest
   * @throws KvmError EINVAL, ENODEV, EBUSY
   */
  signalMsi(msi: { address: number; data: number; flags: number; deviceId: number }): number {
    if ((msi.flags & ~MSI_VALID_DEVID) !== 0) {
      throw new KvmError(
        'KVM_SIGNAL_MSI',
        'EINVAL',
        `the only flag is KVM_MSI_VALID_DEVID (1), not 0x${msi.flags.toString(16)}`,
      );
    }
    const sent = this.injector.sendMsi(msi.address, msi.data, msi.flags, msi.deviceId);
    if (sent >= 0) return sent;
    throw msiRefused(sent, msi);
  }
}

function msiRefused(result: number, msi: { address: number; flags: number }): KvmError {
  const call = 'KVM_SIGNAL_MSI';
  if (result === MSI_ENODEV) return new KvmError(call, 'ENODEV', 'this VM has no ITS');
  if (result === MSI_EBUSY)
    return new KvmError(call, 'EBUSY', 'the ITS, or the LPIs of the target vCPU, are disabled');
  if (result === MSI_EINVAL && (msi.flags & MSI_VALID_DEVID) === 0) {
    return new KvmError(call, 'EINVAL', 'an MSI for an ITS needs KVM_MSI_VALID_DEVID and a device ID');
  }
  return new KvmError(
    call,
    'EINVAL',
    `0x${msi.address.toString(16)} lies in no ITS: the doorbell is its base + 0x10040`,
  );
}
