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
/** By BAR: the prefix of its tests' names, and the offset to which its first test writes. */
const BARS = [
  { name: 'mmio', offset: 0x800 },
  { name: 'portio', offset: 0x80 },
];
const WIDTH = 1;

// Words of the state.
/** 1 + the number of the last started test, among those of both BARs; 0 for none. */
const AT_TEST = 0;
const AT_COUNT = 1;

/** Offset of the count in the header at the start of both BARs. */
const COUNT = 12;
const NAME = 16;

export function testDeviceRegion(layout: Layout): Region {
  return layout.region('pciTest', LINE);
}

/**
 * Counts writes: a guest starts a test by its number; the header then has the offset and the byte to write. A byte that the test's
 * eventfd takes does not count. The two BARs share one test. Any vCPU's thread; vCPUs that use the device at once share its count.
 * @see docs/specs/pci-testdev of QEMU; unspecified behaviour follows QEMU 7.2
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

  /** Call before any thread runs. */
  reset(): void {
    this.#start(-1);
  }

  #start(test: number): void {
    store(this.#words, this.#at + AT_TEST, test + 1);
    store(this.#words, this.#at + AT_COUNT, 0);
  }

  /** The last started test, or -1. */
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

  /** Splits an access into naturally aligned pieces, so that a byte at an odd offset is an access of its own. */
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

/** The tests of BAR 1 continue the numbers of BAR 0. */
const offsetOf = (test: number) => (BARS[barOf(test)]?.offset ?? 0) + test;

const dataOf = (test: number) => (test % TESTS_OF_A_BAR === WILDCARD ? 0xce : 0xfa);

/** Whether a test's eventfd takes a byte written at the test's offset. */
function takesByEventFd(test: number, value: number): boolean {
  const kind = test % TESTS_OF_A_BAR;
  return kind === WILDCARD || (kind !== NO_EVENTFD && value === dataOf(test));
}
