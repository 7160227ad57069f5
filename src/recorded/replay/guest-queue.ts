import { COMMAND_BYTES } from '../../arch/its-command.ts';
import { gits } from '../../arch/registers.ts';
import { ADDRESS_4K, QUEUE_OFFSET } from '../../arch/tables.ts';
import type { Machine } from '../../board/machine.ts';
import { PACKED_COMMAND_WORDS } from '../trace/packed-trace.ts';

const FORGOTTEN = -1;

/**
 * The guest's side of the command queue: writes recorded commands where the guest's driver wrote them, after the last
 * submitted command by the ITS's own registers. One thread.
 */
export class GuestQueue {
  readonly #machine: Machine;
  #tail = FORGOTTEN;
  #base = 0;
  #bytes = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The same queue on a machine that this one was moved to, with the commands written but not submitted yet. */
  moveTo(machine: Machine): GuestQueue {
    const moved = new GuestQueue(machine);
    moved.#tail = this.#tail;
    moved.#base = this.#base;
    moved.#bytes = this.#bytes;
    return moved;
  }

  /** Call at every write to an ITS register: a write to CBASER or CWRITER moves the tail. */
  registerWritten(offset: number): void {
    const register = offset & ~7;
    if (register === gits.CWRITER || register === gits.CBASER) this.#tail = FORGOTTEN;
  }

  /** The guest-physical address of the next command. */
  next(): number {
    if (this.#tail === FORGOTTEN) this.#find();
    return this.#base + this.#tail;
  }

  /** Writes the command of eight words at `commands[at]`; does nothing if the queue has no memory. */
  lay(commands: Uint32Array, at: number): void {
    const { memory } = this.#machine;
    const address = this.next();
    if (memory.has(address, COMMAND_BYTES)) {
      for (let word = 0; word < PACKED_COMMAND_WORDS; word++)
        memory.setWord(address + 4 * word, commands[at + word] ?? 0);
    }
    this.#tail = (this.#tail + COMMAND_BYTES) % this.#bytes;
  }

  #find(): void {
    const { config, bus } = this.#machine;
    const cbaser = bus.read(config.itsBase + gits.CBASER, 8);
    this.#base = Number(cbaser & ADDRESS_4K);
    this.#bytes = (Number(cbaser & 0xffn) + 1) * 4096;
    this.#tail = Number(bus.read(config.itsBase + gits.CWRITER, 8) & BigInt(QUEUE_OFFSET));
  }
}
