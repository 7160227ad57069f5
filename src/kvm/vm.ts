import { FIRST_SPI } from '../arch/intid.ts';
import type { Interrupts } from '../gic/interrupts.ts';
import type { Lpis } from '../gic/lpis.ts';
import type { Its } from '../its/its.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { READERS, type Readers, readersWords } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import type { KernelDesign } from './designs/kernel-design.ts';
import { MERGED } from './designs/merged.ts';
import type { Injector } from './injector.ts';
import { type IrqFdOptions, type IrqFdRegions, irqFdRegions, type ProcessRegions } from './irqfd-record.ts';
import { type Dispatch, IrqFds } from './irqfds.ts';
import { KvmError } from './kvm-error.ts';
import { type Msi, signalMsi } from './msi.ts';
import { Resamplers } from './resamplers.ts';
import type { Route } from './route.ts';
import {
  type RoutingRegions,
  type RoutingSizes,
  RoutingTable,
  routingRegions,
  validateRoutes,
} from './routing-table.ts';
import type { LineParts } from './vgic/irq-line.ts';
import { VGIC_NONE, VGIC_V3, VgicState, vgicRegion } from './vgic/vgic-state.ts';

export type VmRegions = {
  readonly readers: Region;
  readonly routing: RoutingRegions;
  readonly irqfds: IrqFdRegions;
  /** Serialises replacements of the routing table, deassignments and resamplers. KVM: irq_lock. */
  readonly lock: Region;
  readonly vgic: Region;
};

export type VmSizes = RoutingSizes & {
  readonly eventfds: number;
  /** Threads that will attach to the machine at most. */
  readonly threads: number;
};

/** @param process - file descriptors that VMs share; else the VM has its own */
export function vmRegions(layout: Layout, sizes: VmSizes, process?: ProcessRegions): VmRegions {
  const { eventfds, threads } = sizes;
  return {
    readers: layout.region('readers', readersWords(threads), READERS),
    routing: routingRegions(layout, sizes),
    irqfds: irqFdRegions(layout, eventfds, sizes.gsis, process),
    lock: layout.place('kvm.irqLock', MUTEX),
    vgic: vgicRegion(layout),
  };
}

export type VmParts = {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  /** Where the guest sees them is in the state of the vgic. */
  readonly itses: readonly Its[];
  readonly dispatch: Dispatch;
  /** The sections of those that use the tables without locks. */
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  /** How userland names a source, and a signal finds its interrupt. */
  readonly design?: KernelDesign;
  /** A fault put in on purpose: irqfds are not told of a new routing table. */
  readonly keepsStaleRoutes?: boolean;
  /** Whether an eventfd takes one irqfd of all VMs (Linux 6.17 on), or one of each. */
  readonly exclusive?: boolean;
};

/**
 * A VM as userland sees it: KVM's calls for raising and routing interrupts. One view a thread; any thread may call.
 * Calls that KVM refuses throw {@link KvmError}.
 */
export class Vm {
  readonly #lock: Mutex;
  readonly #interrupts: Interrupts;
  readonly #line: LineParts;
  readonly #resamplers: Resamplers;
  readonly #keepsStaleRoutes: boolean;
  readonly design: KernelDesign;
  readonly vgic: VgicState;
  readonly readers: Readers;
  readonly routing: RoutingTable;
  readonly injector: Injector;
  readonly irqfds: IrqFds;

  constructor(words: Words, regions: VmRegions, parts: VmParts) {
    const { interrupts, reader } = parts;
    const vgic = new VgicState(words, regions.vgic);
    const { readers } = parts;
    const routing = new RoutingTable(words, regions.routing);
    const design = parts.design ?? MERGED;
    const injector = design.makeInjector(words, { ...parts, vgic, routing, readers }, reader);
    const resamplers = new Resamplers(words, regions.irqfds.resamplers, {
      gsiOfPin: (pin) => injector.gsiOfPin(pin),
      readers,
      reader,
      pins: routing.pins,
      acks: interrupts.acks,
    });
    this.#lock = new Mutex(words, regions.lock, 'kvm.irqLock');
    this.#interrupts = interrupts;
    this.#keepsStaleRoutes = parts.keepsStaleRoutes ?? false;
    this.#resamplers = resamplers;
    this.#line = { interrupts, vgic, initialise: () => this.initVgic() };
    this.design = design;
    this.vgic = vgic;
    this.readers = readers;
    this.routing = routing;
    this.injector = injector;
    this.irqfds = new IrqFds(words, regions.irqfds, { ...parts, readers, injector, resamplers });
  }

  /** Once, by who creates the memory. */
  init(): void {
    this.routing.init();
    this.irqfds.init();
  }

  /** KVM_DEV_ARM_VGIC_CTRL_INIT: from here on irqfds work; the default table (GSI n → pin n) replaces whatever was set. */
  initVgic(): void {
    if (this.vgic.initialised) return;
    if (this.vgic.model === VGIC_NONE) this.vgic.model = VGIC_V3;
    this.vgic.spis = this.#interrupts.endSpi - FIRST_SPI;
    const { initialRoutes, table } = this.design;
    const { gsis, pins } = this.routing;
    if (table !== 'none') this.#replaceTable(initialRoutes(Math.min(this.vgic.spis, gsis, pins)));
    // Last: who sees the flag finds everything that it vouches for. @see race-catalogue `ready-flag-too-early`
    this.vgic.initialise();
  }

  /**
   * KVM_SET_GSI_ROUTING: replaces the whole table, or nothing. When it returns, no lookup uses the old one any more.
   *
   * The order is KVM's: build, publish, refresh the copies in the irqfds, wait for the readers of the old table.
   * @throws KvmError EINVAL by `validateRoutes`; ENOTTY in a design that has no table
   * @see kvm_set_irq_routing in irqchip.c
   */
  setGsiRouting(routes: readonly Route[]): void {
    if (this.design.table === 'none') {
      const { name } = this.design;
      throw new KvmError('KVM_SET_GSI_ROUTING', 'ENOTTY', `the design "${name}" has no routing table`);
    }
    validateRoutes(routes, this.routing);
    this.design.checkRoutes(routes, this.vgic.spis);
    this.#replaceTable(routes);
  }

  #replaceTable(routes: readonly Route[]): void {
    this.#lock.lock();
    try {
      this.#resamplers.watchFor(routes);
      this.routing.publish(routes);
      if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();
      this.readers.synchronize();
      // KVM's worker may inject by an entry that it copied before; ours must have done so when this returns.
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
   * @throws KvmError EAGAIN before {@link initVgic}, EBADF, EINVAL for what is no eventfd, EBUSY, ENOMEM
   */
  assignIrqFd(fd: number, gsi: number, options: IrqFdOptions = {}): void {
    if (!this.vgic.initialised) {
      throw new KvmError(
        'KVM_IRQFD',
        'EAGAIN',
        'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first',
      );
    }
    if (options.resamplefd === undefined) this.irqfds.assign(fd, gsi, options);
    else this.#locked(() => this.irqfds.assign(fd, gsi, options));
  }

  /** KVM_IRQFD with DEASSIGN. 0 even where nothing matched, as in KVM. @throws KvmError EBADF, EINVAL */
  deassignIrqFd(fd: number, gsi: number): void {
    this.#locked(() => this.irqfds.deassign(fd, gsi));
  }

  /** close(2) of an eventfd, whose irqfd goes with it. Nobody may write to it at the same time. @throws KvmError EBADF */
  closeEventFd(fd: number): void {
    this.#locked(() => this.irqfds.close(fd));
  }

  /** The end of the VM for its irqfds: all are deassigned, and their eventfds stay. */
  hangUpAll(): void {
    this.#locked(() => {
      for (let fd = 0; fd < this.irqfds.count; fd++) this.irqfds.hangUp(fd);
    });
  }

  /** The end of the VM for one irqfd. */
  hangUp(fd: number): void {
    this.#locked(() => this.irqfds.hangUp(fd));
  }

  /**
   * Tells the devices of level-triggered SPIs that the guest has ended them: lowers the line once, then writes each
   * resamplefd. One load where there is nothing to tell. To be called by a vCPU's thread right after each EOI; or by one
   * that sleeps on the bell of `interrupts.acks`. Returns how many SPIs there were.
   * @see kvm_notify_acked_irq
   */
  serveAcks(): number {
    if (!this.#interrupts.acks.any) return 0;
    return this.#resamplers.serve(
      (gsi) => this.injector.setIrq(gsi, false),
      (slot) => this.irqfds.tell(slot),
    );
  }

  /** KVM_IRQ_LINE with a packed irq. @throws KvmError EBUSY before {@link initVgic}, EINVAL, ENXIO */
  irqLine(irq: number, level: boolean): void {
    this.design.irqLine(this.#line, this.injector, irq, level);
  }

  /**
   * KVM_SIGNAL_MSI, which bypasses the routing table.
   * @returns 1 delivered (latched, even where the LPI is disabled), 0 blocked by the guest
   * @throws KvmError EINVAL, ENODEV, EBUSY
   */
  signalMsi(msi: Msi): number {
    return signalMsi(this.injector, this.vgic, msi);
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
