import type { DeviceId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
/** An event of a device, with all its names at boot. */
export type MachineEvent = {
  /** The device that signals the event, and the event's number on that device: the EventID. */
  readonly device: number;
  readonly event: number;
  /** DeviceID for the ITS. */
  readonly deviceId: DeviceId;
  /** The event's eventfd, and the GSI of the irqfd on it. */
  readonly fd: Fd;
  readonly gsi: Gsi;
  /** The event's LPI, and the vCPU that takes it. */
  readonly intid: Intid;
  readonly vcpu: VcpuId;
};

/** A vCPU, as its guest's functions see it. Use it in the vCPU's thread only. */
export type Cpu = {
  /** The number of this vCPU, and how many the machine has. */
  readonly vcpu: VcpuId;
  readonly vcpus: number;
  /** The option `shared` of `boot`; undefined if the caller passed none. */
  readonly shared: SharedArrayBuffer | undefined;
  /** The event that an INTID stands for, also where a stress run has moved the event; undefined for an SGI, a wire, or an LPI of no event. */
  eventOf(intid: Intid): MachineEvent | undefined;
  /**
   * Sends an SGI by ICC_SGI1R_EL1.
   * @param intid - 0 to 15
   * @param to - one vCPU, several, or all others
   * @throws IrqError `ERR_USAGE` if `intid` is no SGI, or `to` names no vCPU of this machine
   */
  sendSgi(intid: Intid, to: number | readonly number[] | 'others'): void;
  /** Makes this vCPU leave its guest when the calling function returns. The vCPU then takes no more interrupts. */
  stop(): void;
};

/**
 * The exports of a guest module: plain synchronous functions. Each vCPU's thread loads the module for itself, so a
 * module's variables belong to one vCPU.
 */
export type GuestModule = {
  /** Called once, in boot, before the first interrupt. */
  readonly start?: (cpu: Cpu) => void;
  /** The interrupt vector: called after the acknowledge of `intid`; when the function returns, the vCPU writes the EOI. */
  readonly interrupt: (cpu: Cpu, intid: Intid) => void;
};

/** A device, as its `run` sees it. Use it in the device's thread only. */
export type Device = {
  /** The number of this device, and how many events it has. */
  readonly index: number;
  readonly events: number;
  /** The option `shared` of `boot`; undefined if the caller passed none. */
  readonly shared: SharedArrayBuffer | undefined;
  /** Whether the machine is closing, or every vCPU has stopped: then `run` must return. */
  readonly stopped: boolean;
  /**
   * Writes the eventfd of an event, whose irqfd injects.
   * @param event - 0, the default, to `events - 1`
   * @throws IrqError `ERR_USAGE` if the device has no such event
   */
  signal(event?: number): void;
  /**
   * KVM_SIGNAL_MSI for an event: needs neither an eventfd nor a route.
   * @returns true delivered, false blocked by the guest
   * @throws IrqError `ERR_USAGE`; `ERR_KVM` if KVM refuses
   */
  signalMsi(event: number): boolean;
  /**
   * Blocks until, after every signal so far, a handler has begun and returned.
   * @param event - one event; left out, every event of the device
   * @returns false if `stopped` became true first, or the vCPU of the event has stopped
   * @throws IrqError `ERR_USAGE`; past the bound, `boundMs`: `ERR_THREAD_SILENT` while a handler runs, else
   * `ERR_DELIVERY`
   */
  settle(event?: number): boolean;
};

/** The export of a device module: a plain synchronous function. Each device's thread loads the module for itself. */
export type DeviceModule = {
  /** Called once, when the machine runs. The machine has finished when `run` has returned in every device. */
  readonly run: (device: Device) => void;
};
