import {
  COMMAND_BYTES,
  encodeCommand,
  type ItsCommand,
  type VirtualCommand,
  writePacket,
} from '../arch/its-command.ts';
import { gits } from '../arch/registers.ts';
import { ENABLED, QUEUE_OFFSET, QUEUE_PAGE_BYTES, VALID } from '../arch/tables.ts';
import { IrqError } from '../base/irq-error.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { RegisterBus, WordBus } from './register-bus.ts';

/** The memory that a guest's kernel allocates for an ITS; flat tables only. */
export type ItsTables = {
  /** One page of `pageSize` each. */
  readonly deviceTable: number;
  readonly collectionTable: number;
  /** GITS_BASERn.Page_Size of both; left out, 4 KiB. */
  readonly pageSize?: bigint;
  readonly queue: number;
  /** Pages of 4 KiB, 1 to 256: each holds 128 commands. */
  readonly queuePages: number;
};

/**
 * Sets the tables and the queue of an ITS, and enables the ITS. The pages must be zero.
 * @param base - guest-physical address of the ITS's control frame
 */
export function setUpIts(
  bus: Pick<RegisterBus, 'write'>,
  base: number,
  { deviceTable, collectionTable, pageSize = 0n, queue, queuePages }: ItsTables,
): void {
  bus.write(base + gits.BASER0, 8, VALID | pageSize | BigInt(deviceTable));
  bus.write(base + gits.BASER1, 8, VALID | pageSize | BigInt(collectionTable));
  bus.write(base + gits.CBASER, 8, VALID | BigInt(queue) | BigInt(queuePages - 1));
  bus.write(base + gits.CWRITER, 8, 0n);
  bus.write(base + gits.CTLR, 4, ENABLED);
}

type AnyCommand = ItsCommand | VirtualCommand;

/**
 * The guest kernel's driver of an ITS: writes commands into guest memory and moves CWRITER, as Linux does. At its first
 * command, the driver reads the queue's address from the ITS's registers. One thread at a time.
 */
export class ItsDriver {
  readonly #bus: WordBus;
  readonly #memory: GuestMemory;
  readonly #base: number;
  #queueBase = 0;
  #queueBytes = 0;

  /** @param base - guest-physical address of the ITS's control frame */
  constructor(bus: WordBus, memory: GuestMemory, base: number) {
    this.#bus = bus;
    this.#memory = memory;
    this.#base = base;
  }

  /** Enables or disables the ITS: GITS_CTLR. MSIs to a disabled ITS are lost. */
  setEnabled(on: boolean): void {
    this.#bus.write(this.#base + gits.CTLR, 4, on ? ENABLED : 0n);
  }

  /**
   * Writes a command into the queue without moving CWRITER.
   * @param at - offset in the queue; left out, CWRITER's
   * @returns the offset of the next command
   */
  queue(command: ItsCommand, at = this.#offset(gits.CWRITER)): number {
    this.#findQueue();
    return this.#lay(command, at);
  }

  /**
   * Sends commands in order, in as many batches as the queue needs; returns when the ITS has carried all of them out.
   * @throws IrqError `ERR_CONFIG` if the ITS stopped before the last
   */
  send(...commands: readonly ItsCommand[]): void {
    this.sendAll(commands);
  }

  /** {@link send} for a list of any length. */
  sendAll(commands: readonly ItsCommand[]): void {
    this.#sendAll(commands);
  }

  /** As {@link sendAll}, of commands for the vPEs of a GICv4.1. */
  sendVirtual(commands: readonly VirtualCommand[]): void {
    this.#sendAll(commands);
  }

  #sendAll(commands: readonly AnyCommand[]): void {
    this.#findQueue();
    // One slot stays free: a full queue would look empty.
    const most = this.#queueBytes / COMMAND_BYTES - 1;
    for (let sent = 0; sent < commands.length; sent += most)
      this.#submit(commands, sent, Math.min(sent + most, commands.length));
  }

  #submit(commands: readonly AnyCommand[], from: number, to: number): void {
    let end = this.#offset(gits.CWRITER);
    for (let index = from; index < to; index++) end = this.#lay(commands[index] as AnyCommand, end);
    this.#bus.writeWord(this.#base + gits.CWRITER, end);
    const done = this.#offset(gits.CREADR);
    if (done === end) return;
    throw new IrqError(
      'ERR_CONFIG',
      `the ITS stopped at offset ${done} of its command queue, short of ${end}: it is disabled, or stalled`,
    );
  }

  #lay(command: AnyCommand, at: number): number {
    writePacket(this.#memory, this.#queueBase + at, encodeCommand(command));
    const next = at + COMMAND_BYTES;
    return next === this.#queueBytes ? 0 : next;
  }

  /** Reads GITS_CBASER once: an ITS with a new queue needs a new driver. */
  #findQueue(): void {
    if (this.#queueBytes > 0) return;
    const low = this.#bus.readWord(this.#base + gits.CBASER);
    const high = this.#bus.readWord(this.#base + gits.CBASER + 4) & ADDRESS_HIGH;
    this.#queueBase = high * 2 ** 32 + low - (low % QUEUE_PAGE_BYTES);
    this.#queueBytes = ((low & QUEUE_SIZE) + 1) * QUEUE_PAGE_BYTES;
  }

  #offset(register: number): number {
    return this.#bus.readWord(this.#base + register) & QUEUE_OFFSET;
  }
}

/** GITS_CBASER[51:32] in its upper half, and Size in its lower half. */
const ADDRESS_HIGH = 0xf_ffff;
const QUEUE_SIZE = 0xff;
