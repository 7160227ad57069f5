import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { READERS, type Readers, readersWords } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import type { Fd, Gsi } from './gsi.ts';
import { Injector, type InjectorParts } from './injector.ts';
import { type Irqchip, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, type PinEnds } from './irqchip.ts';
import { type IrqFdOptions, type IrqFdRegions, irqFdRegions, type ProcessRegions } from './irqfd-record.ts';
import { type Dispatch, IrqFds } from './irqfds.ts';
import { MSI_EINVAL, type Msi } from './msi.ts';
import { Resamplers } from './resamplers.ts';
import { MSI_VALID_DEVID, type Route } from './route.ts';
import {
  type RoutingRegions,
  type RoutingSizes,
  RoutingTable,
  routingRegions,
  validateRoutes,
} from './routing-table.ts';

export type GenericVmRegions = {
  readonly readers: Region;
  readonly routing: RoutingRegions;
  readonly irqfds: IrqFdRegions;
  /** Serialises replacements of the routing table, deassignments and resamplers. KVM: irq_lock. */
  readonly lock: Region;
};

export type VmSizes = RoutingSizes & {
  readonly eventfds: number;
  /** Most threads that attach to the machine. */
  readonly threads: number;
};

/** @param process - file descriptors that VMs share; left out, the VM has its own */
export function genericVmRegions(layout: Layout, sizes: VmSizes, process?: ProcessRegions): GenericVmRegions {
  const { eventfds, threads } = sizes;
  return {
    readers: layout.region('readers', readersWords(threads), READERS),
    routing: routingRegions(layout, sizes),
    irqfds: irqFdRegions(layout, eventfds, sizes.gsis, process),
    lock: layout.place('kvm.irqLock', MUTEX),
  };
}

/** The parts of a VM beside its irqchip, the same on every architecture. */
export type GenericVmParts = {
  readonly dispatch: Dispatch;
  /** The reader sections of threads that read the tables without locks. */
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  /** An injected fault: a new routing table does not reach the irqfds. */
  readonly keepsStaleRoutes?: boolean;
  /** Whether an eventfd takes one irqfd over all VMs (Linux 6.17 on), or one of each VM. */
  readonly exclusive?: boolean;
};

/** Makes the design's injector; left out, {@link Injector} itself. */
export type MakeInjector<Chip extends Irqchip> = (
  words: Words,
  parts: InjectorParts<Chip>,
  reader: number,
) => Injector;

/**
 * KVM's calls for raising and routing interrupts, as far as every architecture shares them: routing table, irqfds,
 * resamplers and MSIs over one {@link Irqchip}. One view a thread; any thread may call. Refused calls throw a
 * `KvmError`.
 * @see virt/kvm/irqchip.c, virt/kvm/eventfd.c
 */
export class GenericVm<Chip extends Irqchip = Irqchip> {
  readonly #lock: Mutex;
  readonly #resamplers: Resamplers;
  readonly #ends: PinEnds;
  readonly #keepsStaleRoutes: boolean;
  readonly irqchip: Chip;
  readonly readers: Readers;
  readonly routing: RoutingTable;
  readonly injector: Injector;
  readonly irqfds: IrqFds;

  constructor(
    words: Words,
    regions: GenericVmRegions,
    irqchip: Chip,
    parts: GenericVmParts,
    makeInjector: MakeInjector<Chip> = (...given) => new Injector(...given),
  ) {
    const { readers, reader } = parts;
    const routing = new RoutingTable(words, regions.routing, irqchip.number);
    const injector = makeInjector(words, { irqchip, routing, readers }, reader);
    const resamplers = new Resamplers(words, regions.irqfds.resamplers, {
      gsiOfPin: (pin) => injector.gsiOfPin(pin),
      readers,
      reader,
      pins: routing.pins,
      ends: irqchip.ends,
    });
    this.#lock = new Mutex(words, regions.lock, 'kvm.irqLock');
    this.#keepsStaleRoutes = parts.keepsStaleRoutes ?? false;
    this.#resamplers = resamplers;
    this.#ends = irqchip.ends;
    this.irqchip = irqchip;
    this.readers = readers;
    this.routing = routing;
    this.injector = injector;
    this.irqfds = new IrqFds(words, regions.irqfds, { ...parts, irqchip, injector, resamplers });
  }

  /** Initialises the shared state. Called once, by the thread that creates the memory. */
  init(): void {
    this.routing.init();
    this.irqfds.init();
  }

  /**
   * KVM_SET_GSI_ROUTING: replaces the whole table, or nothing. After its return, no lookup uses the old table.
   *
   * The order is KVM's: build, publish, refresh the irqfds' copies, wait for the readers of the old table.
   * @throws KvmError EINVAL by {@link validateRoutes}
   * @see kvm_set_irq_routing in irqchip.c
   */
  setGsiRouting(routes: readonly Route[]): void {
    validateRoutes(routes, this.routing);
    this.replaceTable(routes);
  }

  protected replaceTable(routes: readonly Route[]): void {
    this.#lock.lock();
    try {
      this.#resamplers.watchFor(routes);
      // guard: table-is-published
      this.routing.publish(routes);
      // guard: table-refreshes-irqfds
      if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();
      // guard: table-waits-for-readers
      this.readers.synchronize();
      // KVM's worker may still inject by an entry copied earlier; our main thread must be done when this returns.
      // guard: table-waits-for-work
      this.irqfds.flushWork();
      this.#resamplers.flush();
      this.#resamplers.settle();
    } finally {
      this.#lock.unlock();
    }
  }

  /**
   * KVM_IRQFD.
   * @param options - a resamplefd asks for RESAMPLE
   * @throws KvmError before the irqchip is ready (GIC: EAGAIN, IOAPIC: EINVAL), EBADF, EINVAL for a descriptor that is no eventfd, EBUSY, ENOMEM
   */
  assignIrqFd(fd: Fd, gsi: Gsi, options: IrqFdOptions = {}): void {
    if (!this.irqchip.ready) throw this.irqchip.notReady('KVM_IRQFD');
    if (options.resamplefd === undefined) this.irqfds.assign(fd, gsi, options);
    else this.#locked(() => this.irqfds.assign(fd, gsi, options));
  }

  /** KVM_IRQFD with DEASSIGN. 0 even where nothing matched, as in KVM. @throws KvmError EBADF, EINVAL */
  deassignIrqFd(fd: Fd, gsi: Gsi): void {
    this.#locked(() => this.irqfds.deassign(fd, gsi));
  }

  /**
   * close(2) of an eventfd and its irqfd. No thread may write to the eventfd at the same time. @throws KvmError EBADF
   */
  closeEventFd(fd: Fd): void {
    this.#locked(() => this.irqfds.close(fd));
  }

  /** Ends the VM's irqfds: deassigns all of them; their eventfds stay open. */
  hangUpAll(): void {
    this.#locked(() => {
      for (let fd: Fd = 0; fd < this.irqfds.count; fd++) this.irqfds.hangUp(fd);
    });
  }

  /** Ends one irqfd of the VM: deassigns it; its eventfd stays open. */
  hangUp(fd: Fd): void {
    this.#locked(() => this.irqfds.hangUp(fd));
  }

  /**
   * Resamples the level-triggered pins that the guest has EOIed: lowers the line once, then writes each resamplefd. One
   * load where no EOI is noted. Callers: a vCPU's thread right after each EOI, or a thread that sleeps on the irqchip's
   * bell. Returns the number of pins.
   * @see kvm_notify_acked_irq
   */
  serveAcks(): number {
    if (!this.#ends.any) return 0;
    return this.#resamplers.serve(this.#lower, this.#tell);
  }

  /**
   * Resamples one pin at once. For an irqchip that notes no EOIs: call outside every lock of the irqchip, and before
   * the irqchip can deliver the pin again. Allocates nothing.
   */
  pinEnded(pin: Pin): void {
    this.#resamplers.pinEnded(pin, this.#lower, this.#tell);
  }

  readonly #lower = (gsi: Gsi): void => {
    // guard: resampler-has-own-source
    this.injector.setIrq(gsi, false, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID);
  };
  readonly #tell = (slot: number): void => this.irqfds.tell(slot);

  /**
   * KVM_SIGNAL_MSI, which bypasses the routing table.
   * @returns above 0: delivered (an LPI: latched, even where disabled); 0: blocked by the guest
   * @throws KvmError EINVAL, and the irqchip's own: ENODEV, EBUSY, EPERM
   * @see kvm_send_userspace_msi in irqchip.c
   */
  signalMsi(msi: Msi): number {
    const { address, data, flags, deviceId } = msi;
    const unknownFlags = flags & ~MSI_VALID_DEVID;
    const sent = unknownFlags === 0 ? this.injector.sendMsi(address, data, flags, deviceId) : MSI_EINVAL;
    if (sent >= 0) return sent;
    // KVM checks for an irqchip first. We check only after a failure: without an irqchip, nothing was injected.
    throw this.irqchip.refusal(sent, msi);
  }

  #locked(act: () => void): void {
    this.#lock.lock();
    try {
      act();
    } finally {
      this.#lock.unlock();
    }
  }
}
