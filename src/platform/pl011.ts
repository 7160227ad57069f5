import { EVENT_COUNT_WORDS, EventCount } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { load, peek, poke, store, type Words } from '../memory/word.ts';
import type { WordFrame } from './bus.ts';
import { ByteRing, byteRingWords } from './byte-ring.ts';
import { UART } from './memory-map.ts';
import { peripheralId } from './primecell.ts';

/** Registers. @see Arm DDI 0183, PrimeCell UART (PL011) */
const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const ILPR = 0x20;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const DMACR = 0x48;

const FR_CTS = 1 << 0;
const FR_DSR = 1 << 1;
const FR_DCD = 1 << 2;
const FR_RXFE = 1 << 4;
const FR_TXFF = 1 << 5;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;

/** Interrupts: receive, transmit, receive timeout. */
const RX = 1 << 4;
const TX = 1 << 5;
const RT = 1 << 6;
const LCR_FEN = 1 << 4;
const CR_RESET = 0x300;
const IFLS_RESET = 0x12;
const INTERRUPT_BITS = 0x7ff;

const OUTPUT_BYTES = 0x1_0000;
const INPUT_BYTES = 0x1000;

/** Registers that only store the written value: their implemented bits, by offset. */
const KEPT: ReadonlyMap<number, { readonly word: number; readonly mask: number }> = new Map([
  [ILPR, { word: 0, mask: 0xff }],
  [IBRD, { word: 1, mask: 0xffff }],
  [FBRD, { word: 2, mask: 0x3f }],
  [LCR_H, { word: 3, mask: 0xff }],
  [CR, { word: 4, mask: 0xff87 }],
  [IFLS, { word: 5, mask: 0x3f }],
  [DMACR, { word: 6, mask: 7 }],
]);
const IMSC_WORD = 7;
const RIS_WORD = 8;
/** 1 after the output was full, until the host has taken bytes. */
const STARVED = 9;

export type Pl011Regions = {
  readonly registers: Region;
  readonly lock: Region;
  readonly output: Region;
  readonly input: Region;
  readonly bell: Region;
};

export function pl011Regions(layout: Layout): Pl011Regions {
  return {
    registers: layout.region('uart.registers', LINE),
    lock: layout.place('uart.lock', MUTEX),
    output: layout.region('uart.output', byteRingWords(OUTPUT_BYTES)),
    input: layout.region('uart.input', byteRingWords(INPUT_BYTES)),
    bell: layout.region('uart.bell', EVENT_COUNT_WORDS),
  };
}

/**
 * The console: a PL011 connected to the host. Its state is in shared memory: any vCPU's thread accesses the registers, and the main
 * thread takes the output and provides the input.
 */
export class Pl011 implements WordFrame {
  readonly base = UART.base;
  readonly bytes = UART.bytes;
  readonly #words: Words;
  readonly #at: number;
  readonly #lock: Mutex;
  readonly #output: ByteRing;
  readonly #input: ByteRing;
  readonly #drive: (level: boolean) => void;
  /** The bell on which the host sleeps until the guest writes output. */
  readonly bell: EventCount;

  /** @param drive - drives the UART's interrupt line. Any thread. */
  constructor(words: Words, regions: Pl011Regions, drive: (level: boolean) => void) {
    this.#words = words;
    this.#at = regions.registers.at;
    this.#lock = new Mutex(words, regions.lock, 'uart.lock');
    this.#output = new ByteRing(words, regions.output);
    this.#input = new ByteRing(words, regions.input);
    this.#drive = drive;
    this.bell = new EventCount(words, regions.bell);
  }

  /** Call before any thread runs. */
  reset(): void {
    for (const { word } of KEPT.values()) poke(this.#words, this.#at + word, 0);
    poke(this.#words, this.#at + 4, CR_RESET);
    poke(this.#words, this.#at + 5, IFLS_RESET);
    for (const word of [IMSC_WORD, RIS_WORD, STARVED]) store(this.#words, this.#at + word, 0);
  }

  readWord(offset: number): number {
    const kept = KEPT.get(offset);
    if (kept) return peek(this.#words, this.#at + kept.word);
    switch (offset) {
      case DR:
        return this.#receive();
      case FR:
        return this.#flags();
      case IMSC:
        return load(this.#words, this.#at + IMSC_WORD);
      case RIS:
        return load(this.#words, this.#at + RIS_WORD);
      case MIS:
        return load(this.#words, this.#at + RIS_WORD) & load(this.#words, this.#at + IMSC_WORD);
      default:
        return peripheralId('pl011', offset);
    }
  }

  writeWord(offset: number, value: number): void {
    const kept = KEPT.get(offset);
    if (kept) {
      poke(this.#words, this.#at + kept.word, value & kept.mask);
      if (offset === LCR_H) this.#locked(() => this.#update());
      return;
    }
    if (offset === DR) this.#locked(() => this.#transmit(value & 0xff));
    else if (offset === IMSC) this.#setInterrupts(value & INTERRUPT_BITS, IMSC_WORD);
    else if (offset === ICR) this.#locked(() => this.#clear(value));
    else if (offset === RSR) return;
  }

  /** The output since the last call. Makes room for a guest that waits for it. The main thread. */
  takeOutput(): Uint8Array {
    const taken = this.#output.takeAll();
    if (taken.length > 0 && load(this.#words, this.#at + STARVED) !== 0) {
      this.#locked(() => {
        store(this.#words, this.#at + STARVED, 0);
        this.#raise(TX);
      });
    }
    return taken;
  }

  /** Appends a byte to the output for semihosting, without a register write. The thread of a vCPU. */
  say(byte: number): void {
    this.#locked(() => this.#output.put(byte));
    this.bell.signal();
  }

  get hasOutput(): boolean {
    return this.#output.length > 0;
  }

  /** Adds input for the guest; returns the number of bytes that fitted. The main thread. */
  giveInput(bytes: Uint8Array): number {
    let given = 0;
    while (given < bytes.length && this.#input.put(bytes[given] ?? 0)) given++;
    if (given > 0) this.#locked(() => this.#raise(this.#raisedByInput()));
    return given;
  }

  #flags(): number {
    const waiting = this.#input.length;
    const room = this.#output.isFull ? FR_TXFF : FR_TXFE;
    const received = waiting === 0 ? FR_RXFE : waiting >= this.#fifoDepth() ? FR_RXFF : 0;
    return FR_CTS | FR_DSR | FR_DCD | room | received;
  }

  #fifoDepth(): number {
    return (peek(this.#words, this.#at + 3) & LCR_FEN) !== 0 ? 16 : 1;
  }

  #receive(): number {
    let byte = 0;
    this.#locked(() => {
      byte = Math.max(0, this.#input.take());
      if (this.#input.length === 0) this.#clear(RX | RT);
    });
    return byte;
  }

  /** The transmit FIFO empties at once for the guest, so the interrupt follows each byte. */
  #transmit(byte: number): void {
    if (!this.#output.put(byte)) {
      store(this.#words, this.#at + STARVED, 1);
      return;
    }
    this.bell.signal();
    if (this.#output.isFull) store(this.#words, this.#at + STARVED, 1);
    else this.#raise(TX);
  }

  #raisedByInput(): number {
    return this.#input.length >= this.#fifoDepth() / 2 ? RX | RT : RT;
  }

  #setInterrupts(value: number, word: number): void {
    this.#locked(() => {
      store(this.#words, this.#at + word, value);
      this.#update();
    });
  }

  #raise(bits: number): void {
    store(this.#words, this.#at + RIS_WORD, load(this.#words, this.#at + RIS_WORD) | bits);
    this.#update();
  }

  #clear(bits: number): void {
    store(this.#words, this.#at + RIS_WORD, load(this.#words, this.#at + RIS_WORD) & ~bits);
    this.#update();
  }

  /** Runs a change under the lock, so that two changes cannot drive the line in the wrong order. */
  #update(): void {
    const asserted = load(this.#words, this.#at + RIS_WORD) & load(this.#words, this.#at + IMSC_WORD);
    this.#drive(asserted !== 0);
  }

  #locked(act: () => void): void {
    this.#lock.lock();
    try {
      act();
    } finally {
      this.#lock.unlock();
    }
  }
}
