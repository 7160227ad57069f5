import { GITS_BYTES } from '../arch/frames.ts';
import type { DeviceId, EventId, VcpuId } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import type { Machine } from '../board/machine.ts';
import type { AccessWatch, BoardVcpu } from '../boot/board-vcpu.ts';
import { isMachineFrame } from '../boot/machine-frames.ts';
import type { Frame } from '../platform/bus.ts';
import { RINGER, UART } from '../platform/memory-map.ts';

const COMMAND_BYTES = 32;
const OFFSET = 0xfffe0n;
const QUEUE_PAGE = 4096;
const HALF = 32n;

/** An access of a vCPU to a register outside its core, for the display of a schedule. */
export type Access = {
  readonly vcpu: VcpuId;
  /** Encoding of a system register. */
  readonly encoding?: number;
  /** Guest-physical address of any other register. */
  readonly address?: number;
  readonly value: bigint;
  readonly writes: boolean;
};

/**
 * The actors outside the vCPUs, which act in turns of the schedule: the ITS, which executes one command of its queue a turn (the
 * architecture allows any time after the write to CWRITER), and the ringer, a device whose MSIs arrive in turns of their own.
 * Intercepts every register access of a vCPU. One thread.
 */
export class Outside implements AccessWatch {
  readonly #machine: Machine;
  readonly #itsBase: number;
  /** CWRITER as the guest has written it, while the ITS has commands left. */
  #cwriter: number | undefined;
  #rings: { readonly deviceId: DeviceId; readonly eventId: EventId }[] = [];
  /** Whether every access to the interrupt controller or the ringer ends a vCPU's run. */
  stopsAtAccess = false;
  /** Whether the last run of a vCPU had an access to the interrupt controller or the ringer. */
  accessed = false;
  onAccess: ((access: Access) => void) | undefined;
  /** Called after the guest has written to its console. */
  onOutput: () => void = () => undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#itsBase = machine.config.itsBase;
  }

  /** Drops waiting commands and MSIs. */
  reset(): void {
    this.#cwriter = undefined;
    this.#rings = [];
  }

  get itsIsReady(): boolean {
    return this.#cwriter !== undefined;
  }

  get rings(): number {
    return this.#rings.length;
  }

  /** A turn of the ITS: executes one command. */
  turnIts(): void {
    const end = this.#cwriter;
    if (end === undefined) return;
    const at = this.#creadr;
    const next = at + COMMAND_BYTES >= this.#queueBytes ? 0 : at + COMMAND_BYTES;
    this.#writeCwriter(next);
    // A disabled or stalled ITS does not advance CREADR: it gets the final CWRITER at once.
    if (this.#creadr !== next) this.#writeCwriter(end);
    if (next === end || this.#creadr !== next) this.#cwriter = undefined;
  }

  /** A turn of the ringer: its first waiting MSI arrives. An MSI of an unmapped event is lost, as on hardware. */
  turnRinger(): void {
    const ring = this.#rings.shift();
    if (ring) this.#machine.its.signal(ring.deviceId, ring.eventId);
  }

  /** Executes all waiting commands, and delivers all waiting MSIs. */
  settle(): void {
    while (this.itsIsReady) this.turnIts();
    while (this.rings > 0) this.turnRinger();
  }

  /** The ringer's registers: a write of EventID, with DeviceID in the upper half, is one MSI. */
  get frame(): Frame {
    return {
      base: RINGER.base,
      bytes: RINGER.bytes,
      read: () => 0n,
      write: (offset, bytes, value) => {
        if (offset !== 0 || bytes !== 8) return;
        this.#rings.push({
          deviceId: Number(value >> HALF),
          eventId: Number(BigInt.asUintN(32, value)),
        });
      },
    };
  }

  read(
    vcpu: BoardVcpu,
    address: number,
    bytes: number,
    through: () => bigint | undefined,
  ): bigint | undefined {
    const atCwriter = address === this.#itsBase + gits.CWRITER && this.#cwriter !== undefined;
    const value = atCwriter ? BigInt.asUintN(8 * bytes, BigInt(this.#cwriter ?? 0)) : through();
    if (value !== undefined) this.#note(vcpu, address, value, false);
    return value;
  }

  write(vcpu: BoardVcpu, address: number, _bytes: number, value: bigint, through: () => boolean): boolean {
    const offset = address - this.#itsBase;
    const ofIts = offset >= 0 && offset < GITS_BYTES;
    if (ofIts && offset === gits.CWRITER && this.#isEnabled) {
      const end = Number(value & OFFSET);
      this.#cwriter = end === this.#creadr ? undefined : end;
      this.#note(vcpu, address, value, true);
      return true;
    }
    if (ofIts) this.settleIts();
    const done = through();
    if (done) this.#note(vcpu, address, value, true);
    if (address === UART.base) this.onOutput();
    return done;
  }

  register(vcpu: BoardVcpu, encoding: number, value: bigint, writes: boolean): void {
    this.onAccess?.({ vcpu: vcpu.id, encoding, value, writes });
    this.#stop(vcpu);
  }

  settleIts(): void {
    while (this.itsIsReady) this.turnIts();
  }

  #note(vcpu: BoardVcpu, address: number, value: bigint, writes: boolean): void {
    this.onAccess?.({ vcpu: vcpu.id, address, value, writes });
    if (address === RINGER.base || isMachineFrame(this.#machine.config, address)) this.#stop(vcpu);
  }

  #stop(vcpu: BoardVcpu): void {
    if (!this.stopsAtAccess) return;
    this.accessed = true;
    vcpu.core.stop();
  }

  #register(offset: number, bytes: 4 | 8 = 8): bigint {
    return this.#machine.bus.read(this.#itsBase + offset, bytes);
  }

  get #isEnabled(): boolean {
    return (this.#register(gits.CTLR, 4) & 1n) !== 0n;
  }

  get #creadr(): number {
    return Number(this.#register(gits.CREADR) & OFFSET);
  }

  get #queueBytes(): number {
    return (Number(this.#register(gits.CBASER) & 0xffn) + 1) * QUEUE_PAGE;
  }

  #writeCwriter(offset: number): void {
    this.#machine.bus.write(this.#itsBase + gits.CWRITER, 8, BigInt(offset));
  }
}
