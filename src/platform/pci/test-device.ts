import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { add, load, store, type Words } from '../../memory/word.ts';
import type { BarTarget } from './bar-target.ts';
import type { PciIdentity } from './function.ts';

/** QEMU's `pci-testdev`: BAR 0 is memory, BAR 1 is I/O ports, and neither raises an interrupt. */
export const TEST_DEVICE: PciIdentity = {
  vendor: 0x1b36,
  device: 0x0005,
  revision: 0,
  classCode: 0x00ff00,
  subsystem: 0x1100,
  bars: [{ bytes: 0x1000 }, { bytes: 0x100, isIo: true }],
  vendorCapabilities: [],
};

const TESTS_OF_A_BAR = 3;
const NO_EVENTFD = 0;
const WILDCARD = 1;
const NAMES = ['no-eventfd', 'wildcard-eventfd', 'datamatch-eventfd'];
/** By BAR: how the names of its tests begin, and the offset that its first test writes to. */
const BARS = [
  { name: 'mmio', offset: 0x800 },
  { name: 'portio', offset: 0x80 },
];
const WIDTH = 1;

// Words of the state.
/** The test that was started last, by its number among those of both BARs, and 1; 0 for none. */
const AT_TEST = 0;
const AT_COUNT = 1;

/** Offset of the count in the header that both BARs begin with. */
const COUNT = 12;
const NAME = 16;

export function testDeviceRegion(layout: Layout): Region {
  return layout.region('pciTest', LINE);
}

/**
 * Counts writes: a guest starts a test by its number, and the header says at which offset to write which byte. A byte that an
 * eventfd of the test takes is not counted. The two BARs share one test. Any vCPU's thread; two that use the device at once
 * see a count of both.
 * @see docs/specs/pci-testdev of QEMU; what they leave open is as QEMU 7.2 does
 */
export class PciTestDevice {
  readonly #words: Words;
  readonly #at: number;
  /** By BAR. */
  readonly targets: readonly BarTarget[];

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
    this.targets = BARS.map(
      (_, bar): BarTarget => ({
        read: (offset, bytes) => this.#read(offset, bytes),
        write: (offset, bytes, value) => this.#write(bar, offset, bytes, value),
      }),
    );
  }

  /** Before any thread runs. */
  reset(): void {
    this.#start(-1);
  }

  #start(test: number): void {
    store(this.#words, this.#at + AT_TEST, test + 1);
    store(this.#words, this.#at + AT_COUNT, 0);
  }

  /** The test that was started last, or -1. */
  get #test(): number {
    return load(this.#words, this.#at + AT_TEST) - 1;
  }

  #read(offset: number, bytes: number): bigint {
    const header = this.#header();
    let value = 0n;
    for (let byte = bytes - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(header[offset + byte] ?? 0);
    return value;
  }

  #header(): Uint8Array {
    const test = this.#test;
    if (test < 0) return new Uint8Array();
    const name = `${BARS[barOf(test)]?.name}-${NAMES[test % TESTS_OF_A_BAR]}`;
    const header = new DataView(new ArrayBuffer(NAME + name.length));
    header.setUint8(0, test);
    header.setUint8(1, WIDTH);
    header.setUint32(4, offsetOf(test), true);
    header.setUint32(8, dataOf(test), true);
    header.setUint32(COUNT, load(this.#words, this.#at + AT_COUNT), true);
    const bytes = new Uint8Array(header.buffer);
    bytes.set(Buffer.from(name, 'latin1'), NAME);
    return bytes;
  }

  /** Takes an access in pieces as long as their addresses are aligned, so that one byte at an odd offset is an access of its own. */
  #write(bar: number, offset: number, bytes: number, value: bigint): void {
    const most = offset === 0 ? bytes : offset & -offset;
    for (let done = 0; done < bytes; ) {
      const piece = Math.min(most, bytes);
      this.#writePiece(bar, offset + done, piece, value >> BigInt(8 * done));
      done += piece;
    }
  }

  #writePiece(bar: number, offset: number, bytes: number, value: bigint): void {
    const test = this.#test;
    if (bytes === 1 && test >= 0 && bar === barOf(test) && offset === offsetOf(test))
      if (takesByEventFd(test, Number(value & 0xffn))) return;
    for (let byte = 0; byte < bytes; byte++)
      this.#writeByte(bar, offset + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
  }

  #writeByte(bar: number, offset: number, value: number): void {
    const test = this.#test;
    if (offset === 0) this.#start(value < TESTS_OF_A_BAR ? bar * TESTS_OF_A_BAR + value : -1);
    else if (test >= 0 && offset === offsetOf(test) && value === dataOf(test))
      add(this.#words, this.#at + AT_COUNT, 1);
  }
}

const barOf = (test: number) => Math.floor(test / TESTS_OF_A_BAR);

/** BAR 1 numbers its offsets on from those of BAR 0. */
const offsetOf = (test: number) => (BARS[barOf(test)]?.offset ?? 0) + test;

const dataOf = (test: number) => (test % TESTS_OF_A_BAR === WILDCARD ? 0xce : 0xfa);

/** Whether the eventfd of a test takes a byte that is written at the offset of the test. */
function takesByEventFd(test: number, value: number): boolean {
  const kind = test % TESTS_OF_A_BAR;
  return kind === WILDCARD || (kind !== NO_EVENTFD && value === dataOf(test));
}
