import type { DeviceId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
/** An event of a device, with all its names at boot. */
export type MachineEvent = {
  /** The device that signals it, and its number among the device's events: the EventID. */
  readonly device: number;
  readonly event: number;
  /** DeviceID for the ITS. */
  readonly deviceId: DeviceId;
  /** Its eventfd, and the GSI of the irqfd on it. */
  readonly fd: Fd;
  readonly gsi: Gsi;
  /** The LPI that it becomes, and the vCPU that takes it. */
  readonly intid: Intid;
  readonly vcpu: VcpuId;
};

/** A vCPU, as its guest's functions see it. Of use in the vCPU's thread only. */
export type Cpu = {
  /** The number of this vCPU, and how many the machine has. */
  readonly vcpu: VcpuId;
  readonly vcpus: number;
  /** The option `shared` of `boot`; undefined where the caller gave none. */
  readonly shared: SharedArrayBuffer | undefined;
  /** The event that an INTID stands for, also where a stress run has moved the event; undefined for an SGI, a wire, or an LPI of no event. */
  eventOf(intid: Intid): MachineEvent | undefined;
  /**
   * Sends an SGI by ICC_SGI1R_EL1.
   * @param intid - 0 to 15
   * @param to - one vCPU, several, or all others
   * @throws IrqError `ERR_USAGE` for what is no SGI, or no vCPU of this machine
   */
  sendSgi(intid: Intid, to: number | readonly number[] | 'others'): void;
  /** Makes this vCPU leave its guest once the function that calls has returned. It takes no interrupt after that. */
  stop(): void;
};

/**
 * The exports of a guest module: plain synchronous functions. Each vCPU's thread loads the module for itself, so the module's
 * variables belong to one vCPU.
 */
export type GuestModule = {
  /** Called once, in boot, before the first interrupt. */
  readonly start?: (cpu: Cpu) => void;
  /** The interrupt vector: `intid` has been acknowledged, and its end is written when this returns. */
  readonly interrupt: (cpu: Cpu, intid: Intid) => void;
};

/** A device, as its `run` sees it. Of use in the device's thread only. */
export type Device = {
  /** The number of this device, and how many events it has. */
  readonly index: number;
  readonly events: number;
  /** The option `shared` of `boot`; undefined where the caller gave none. */
  readonly shared: SharedArrayBuffer | undefined;
  /** Whether the machine is closing, or every vCPU has stopped: `run` is to return. */
  readonly stopped: boolean;
  /**
   * Writes the eventfd of an event, whose irqfd injects.
   * @param event - 0, the default, to `events - 1`
   * @throws IrqError `ERR_USAGE` for an event that the device does not have
   */
  signal(event?: number): void;
  /**
   * KVM_SIGNAL_MSI for an event, which needs neither eventfd nor route.
   * @returns true delivered, false blocked by the guest
   * @throws IrqError `ERR_USAGE`; `ERR_KVM` where KVM refuses
   */
  signalMsi(event: number): boolean;
  /**
   * Blocks until a handler has begun after every signal so far, and has returned.
   * @param event - one event; every event of the device where it is left out
   * @returns false where `stopped` became true first, or the vCPU of the event has stopped
   * @throws IrqError `ERR_USAGE`; past the bound, `boundMs`, `ERR_THREAD_SILENT` where a handler runs, and `ERR_DELIVERY` where none does
   */
  settle(event?: number): boolean;
};

/** The export of a device module: a plain synchronous function. Each device's thread loads the module for itself. */
export type DeviceModule = {
  /** Called once, when the machine runs. The machine has finished when it has returned in every device. */
  readonly run: (device: Device) => void;
};
