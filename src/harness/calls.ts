import { type DeviceId, type Intid, type Pin, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { gits } from '../arch/registers.ts';
import type { Machine } from '../board/machine.ts';
import { ItsDriver } from '../guest/index.ts';
import { type Fd, type Gsi, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import { IRQ_TYPE_PPI, IRQ_TYPE_SPI, packIrqLine } from '../kvm/vgic/irq-line.ts';
import type { MachineEvent } from '../threads/user/contract.ts';
import { type Built, eventOf } from './build.ts';
import type { Judge } from './judge.ts';

/** An MSI, as a device writes it. */
export type GivenMsi = {
  readonly deviceId: DeviceId;
  /** The EventID. */
  readonly data: number;
  /** Guest-physical; left out: the doorbell of the machine's ITS. */
  readonly address?: number;
  /** Left out: KVM_MSI_VALID_DEVID. */
  readonly flags?: number;
};

/** An entry of the routing table. GSIs are 0 to 4,095, pins 0 to 987, the irqchip is 0. */
export type GivenRoute =
  | { readonly type: 'irqchip'; readonly gsi: Gsi; readonly pin: Pin; readonly irqchip?: number }
  | ({ readonly type: 'msi'; readonly gsi: Gsi } & GivenMsi);

/** Numbers that are free, the last excluded. */
export type Spare = { readonly first: number; readonly end: number };

/**
 * Userland's calls on a machine: KVM's own, each of which tells the judge about the machine's events. The main thread, at
 * any time. Where KVM refuses, a call throws `KvmError` (code `ERR_KVM`).
 */
export class MachineCalls {
  /** All parts of the machine, as the main thread sees them. Changes made through them escape the proof, which may then find a fault that is none. */
  readonly board: Machine;
  /** Every event of every device, with its names at boot. */
  readonly events: readonly MachineEvent[];
  /** Open eventfds, and GSIs, that no event uses. */
  readonly spare: { readonly fds: Spare; readonly gsis: Spare };
  readonly #judge: Judge;
  readonly #its: ItsDriver;
  #routes: readonly GivenRoute[];

  constructor({ machine, plan, routes }: Built, judge: Judge) {
    const { spis, eventfds, itsBase } = machine.config;
    this.board = machine;
    this.events = plan.sources.map(eventOf);
    const used = this.events.length;
    this.spare = {
      fds: { first: used, end: eventfds },
      gsis: { first: spis + used, end: MAX_IRQ_ROUTES },
    };
    this.#judge = judge;
    this.#its = new ItsDriver(machine.bus, machine.memory, itsBase);
    this.#routes = routes;
  }

  /** write(2) of an eventfd. False where the count has no room for the value. @throws KvmError EBADF, EINVAL */
  write(fd: Fd, value: number | bigint = 1): boolean {
    this.#judge.signals((event) => event.fd === fd);
    return this.board.write(fd, value);
  }

  /**
   * KVM_IRQFD: assigns an irqfd to an eventfd, or deassigns the irqfd.
   * @param fd - an open eventfd: one of {@link spare}, or of an event whose irqfd was deassigned
   * @throws KvmError EBADF, EINVAL, EBUSY, ENOMEM
   */
  irqfd(fd: Fd, gsi: Gsi, { deassign = false }: { readonly deassign?: boolean } = {}): void {
    if (deassign) this.board.vm.deassignIrqFd(fd, gsi);
    else this.board.vm.assignIrqFd(fd, gsi);
    this.#judge.moves((event) => event.fd === fd);
  }

  /** The routing table in force. */
  get routes(): readonly GivenRoute[] {
    return this.#routes;
  }

  /**
   * KVM_SET_GSI_ROUTING: replaces the whole table, `[...machine.routes, …]` to add to it. The machine's proof no longer
   * judges an event whose route changes.
   * @throws KvmError EINVAL
   */
  setGsiRouting(routes: readonly GivenRoute[]): void {
    const table = routes.map((route) => this.#route(route));
    const byGsi = new Map(table.map((route) => [route.gsi, route]));
    this.board.vm.setGsiRouting(table);
    this.#judge.moves(({ gsi, deviceId, event }) => {
      const route = byGsi.get(gsi);
      return route?.type !== 'msi' || route.deviceId !== deviceId || route.data !== event;
    });
    this.#routes = table;
  }

  /** KVM_SIGNAL_MSI: 1 delivered, 0 blocked by the guest. @throws KvmError EINVAL, EBUSY */
  signalMsi(msi: GivenMsi): number {
    this.#judge.signals(({ deviceId, event }) => deviceId === msi.deviceId && event === msi.data);
    return this.board.vm.signalMsi({ address: this.doorbell, flags: MSI_VALID_DEVID, ...msi });
  }

  /** Guest-physical address of the ITS's doorbell, GITS_TRANSLATER. */
  get doorbell(): number {
    return this.board.config.itsBase + gits.TRANSLATER;
  }

  /**
   * KVM_IRQ_LINE: moves a wire. SPIs are edge-triggered at boot.
   * @param intid - of an SPI, or of a PPI
   * @param vcpu - the vCPU of a PPI; of no meaning for an SPI
   * @throws KvmError EINVAL, ENXIO
   */
  irqLine(intid: Intid, level: boolean, vcpu: VcpuId = 0): void {
    const type = intid < PRIVATE_INTIDS ? IRQ_TYPE_PPI : IRQ_TYPE_SPI;
    this.board.vm.irqLine(packIrqLine({ type, vcpu, intid }), level);
  }

  /** Sends commands to the ITS by its queue, as the guest's driver does. @throws IrqError `ERR_CONFIG` for a stopped ITS */
  sendIts(...commands: readonly ItsCommand[]): void {
    for (const command of commands) this.#judge.commands(command);
    this.#its.sendAll(commands);
  }

  #route(route: GivenRoute): Route {
    const gsi = route.gsi;
    if (route.type === 'irqchip') return { irqchip: 0, ...route, gsi };
    return { address: this.doorbell, flags: MSI_VALID_DEVID, ...route, gsi };
  }
}
