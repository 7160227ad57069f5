import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { ItsNumber } from './vector-layout.ts';
import type { RegisterPlace } from './vector-registers.ts';
import type { VmNumber, Wire } from './vector-step.ts';
import type { VmAnswer, VmCall } from './vector-vm.ts';

/**
 * VMs that can run a vector: frames and memory of `VECTOR_LAYOUT`, and the vector's number of vCPUs, with affinity
 * 0.0.0.n (n below 16; then 0.0.n/16.n%16).
 *
 * All calls are synchronous: when a call returns, its effects are complete and the next observation sees them. An observing call
 * returns undefined if the target cannot observe the value; the answer then counts as unsupported.
 */
export interface VectorTarget {
  /** The VM and the ITS that all calls after this one concern; at first 0 and 0. A place of frame ITS lies in that ITS. */
  use(vm: VmNumber, its: ItsNumber): void;
  /** Copies all guest memory of another VM into the one in use. */
  copyRam(from: VmNumber): void;
  /** An access by software, of 1, 2, 4 or 8 bytes, aligned or not. */
  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint | undefined;
  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void;
  /** Guest memory, by guest-physical address. The address may lie outside: a vector may point CBASER anywhere. */
  ramRead(address: number, bytes: number): Uint8Array;
  ramWrite(address: number, data: Uint8Array): void;
  /** A device with that DeviceID writes `eventId` to GITS_TRANSLATER. */
  msi(deviceId: DeviceId, eventId: EventId): void;
  /** Drives an input wire. */
  line(wire: Wire, level: 0 | 1): void;
  /** Whether an LPI is pending on a redistributor. */
  lpiPending(cpu: VcpuId, lpi: Intid): boolean | undefined;
  /** Every pending LPI as [cpu, INTID], sorted by vCPU, then INTID. */
  lpiPendingAll(): readonly (readonly [cpu: VcpuId, lpi: Intid])[] | undefined;
  /** A read of a CPU interface register by vCPU `cpu`, named without ICC_ and _EL1. IAR1 acknowledges. */
  iccRead(cpu: VcpuId, register: string): bigint | undefined;
  iccWrite(cpu: VcpuId, register: string, value: bigint): void;
  /** The guest of vCPU `cpu` runs: takes its IRQs, acknowledges and ends each one, until none is asserted or `most` were taken. */
  take(cpu: VcpuId, most: number): readonly Intid[] | undefined;
  /** Whether the vCPU's IRQ (`irq`) or FIQ (`fiq`) is asserted. */
  irq(cpu: VcpuId): boolean | undefined;
  fiq(cpu: VcpuId): boolean | undefined;
  /** A call of userland; undefined where the machine is no KVM's. */
  vm(call: VmCall): VmAnswer | undefined;
}
