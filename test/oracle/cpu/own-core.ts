import { BLOCK_BYTES, Core, sharedMemory } from '../../../src/cpu/index.ts';
import { RAM_BASE, RUNNER } from './cases.ts';

const AT = 64;
const RAM_AT = Math.ceil((AT + BLOCK_BYTES) / 65_536) * 65_536;
const RAM_BYTES = 128 * 1024 * 1024;
/** A case takes about 170 instructions of the runner's own. */
const SLICE = 1_000_000;
const MOST_SLICES = 100;

/** One bare machine of this project's core, for batches of the runner. */
export class OwnCore {
  readonly #memory = sharedMemory(RAM_AT + RAM_BYTES);
  readonly #core = new Core({
    memory: this.#memory,
    at: AT,
    lockAt: 0,
    ramAt: RAM_AT,
    ramBase: RAM_BASE,
    ramSize: RAM_BYTES,
    bus: { read: () => undefined, write: () => false },
    systemRegisters: { read: () => undefined, write: () => false },
    hypercall: () => {},
  });

  /** All of RAM is zeros, as a new QEMU's is: stores of a batch may have gone behind the batch's end. */
  clear(): void {
    new Uint8Array(this.#memory.buffer, RAM_AT, RAM_BYTES).fill(0);
  }

  /** Runs RAM's contents until the runner says that it is done. The result is a view, good until the next call. */
  run(image: Uint8Array): Uint8Array {
    const ram = new Uint8Array(this.#memory.buffer, RAM_AT, image.length);
    ram.set(image);
    this.#core.reset({ pc: BigInt(RAM_BASE + RUNNER), x0: 0n, affinity: 0 });
    this.#core.options = { semihosting: true };
    for (let slice = 0; slice < MOST_SLICES; slice++) {
      const reason = this.#core.run(SLICE);
      if (reason === 'semihosting') return ram;
    }
    throw new Error(`the runner does not come to its end: pc 0x${this.#core.pc.toString(16)}`);
  }
}
