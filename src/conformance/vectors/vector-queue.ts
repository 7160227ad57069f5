import { COMMAND_BYTES } from '../../arch/its-command.ts';
import { IrqError } from '../../base/irq-error.ts';
import { type CommandWords, commandBytes } from './command-words.ts';
import type { RegisterPlace } from './vector-registers.ts';
import type { VectorTarget } from './vector-target.ts';

const CBASER: RegisterPlace = { frame: 'ITS', offset: 0x80 };
const CWRITER: RegisterPlace = { frame: 'ITS', offset: 0x88 };
const CREADR: RegisterPlace = { frame: 'ITS', offset: 0x90 };

/** The software side of the command queue, found through CBASER and CWRITER as a driver finds it. */
export class VectorQueue {
  readonly #target: VectorTarget;
  /** Offset of the next free slot, while the queue has commands beyond CWRITER. */
  #tail: bigint | undefined;

  constructor(target: VectorTarget) {
    this.#target = target;
  }

  /** Appends a command without moving CWRITER. */
  append(words: CommandWords): void {
    const cbaser = this.#read(CBASER);
    const base = Number(cbaser & 0xf_ffff_ffff_f000n);
    const bytes = ((cbaser & 0xffn) + 1n) * 4096n;
    this.#tail ??= this.#read(CWRITER) & 0xf_ffe0n;
    this.#target.ramWrite(base + Number(this.#tail), commandBytes(words));
    this.#tail = (this.#tail + BigInt(COMMAND_BYTES)) % bytes;
  }

  /** Moves CWRITER behind the appended commands, and returns CREADR: the ITS has processed the commands when the write returns. */
  kick(): bigint | undefined {
    if (this.#tail !== undefined) this.#target.write(CWRITER, 8, this.#tail);
    this.#tail = undefined;
    return this.#target.read(CREADR, 8);
  }

  /** Drops the appended commands. Call it when the queue is replaced. */
  forget(): void {
    this.#tail = undefined;
  }

  #read(place: RegisterPlace): bigint {
    const value = this.#target.read(place, 8);
    if (value !== undefined) return value;
    throw new IrqError('ERR_UNSUPPORTED', `the target cannot read ITS+0x${place.offset.toString(16)}`);
  }
}
