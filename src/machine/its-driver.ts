import { COMMAND_BYTES, encodeCommand, type ItsCommand, writePacket } from '../arch/its-command.ts';
import { gits } from '../arch/registers.ts';
import { ADDRESS_4K, QUEUE_OFFSET, QUEUE_PAGE_BYTES, SIZE } from '../arch/tables.ts';
import { IrqError } from '../base/irq-error.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Mmio } from './mmio.ts';

/**
 * The guest's side of the command queue: lays commands into guest memory and moves CWRITER, as its driver in Linux does.
 * It finds the queue through the ITS's own registers. One thread at a time.
 */
export class ItsDriver {
  readonly #memory: GuestMemory;
  readonly #mmio: Mmio;
  readonly #base: number;

  /** @param base - guest-physical address of the ITS's control frame */
  constructor(memory: GuestMemory, mmio: Mmio, base: number) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#base = base;
  }

  /** Lays a command into the next free place, without telling the ITS. */
  queue(command: ItsCommand, after?: number): number {
    const cbaser = this.#mmio.read(this.#base + gits.CBASER, 8);
    const at = after ?? this.#offset(gits.CWRITER);
    writePacket(this.#memory, Number(cbaser & ADDRESS_4K) + at, encodeCommand(command));
    const bytes = (Number(cbaser & SIZE) + 1) * QUEUE_PAGE_BYTES;
    return (at + COMMAND_BYTES) % bytes;
  }

  /** Sends commands, in order, and returns when the ITS has carried them out. @throws IrqError `ERR_CONFIG` if it did not */
  send(...commands: readonly ItsCommand[]): void {
    let end: number | undefined;
    for (const command of commands) end = this.queue(command, end);
    if (end === undefined) return;
    this.#mmio.write(this.#base + gits.CWRITER, 8, BigInt(end));
    const done = this.#offset(gits.CREADR);
    if (done !== end) {
      throw new IrqError(
        'ERR_CONFIG',
        `the ITS stopped at offset ${done} of its command queue, short of ${end}: it is disabled, or stalled`,
      );
    }
  }

  #offset(register: number): number {
    return Number(this.#mmio.read(this.#base + register, 8)) & QUEUE_OFFSET;
  }
}
