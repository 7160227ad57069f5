import type { AccessBytes } from '../../board/guest-bus.ts';
import type { BarTarget } from '../pci/bar-target.ts';
import type { VirtioModel } from './model.ts';
import { QUEUE_SIZE, type QueueRegister, type VirtioRegisters } from './registers.ts';

/** Offsets of the four structures in the BAR, a page each. */
const COMMON = 0x0000;
const ISR = 0x1000;
const DEVICE = 0x2000;
const NOTIFY = 0x3000;
export const VIRTIO_BAR = 0;
export const VIRTIO_BAR_BYTES = 0x4000;
const STRUCTURE_BYTES = 0x1000;
/** The driver notifies queue n by a write at NOTIFY + 4n. */
const NOTIFY_MULTIPLIER = 4;

export const STATUS_DRIVER_OK = 4;
const STATUS_FEATURES_OK = 8;
export const STATUS_NEEDS_RESET = 64;
const VERSION_1 = 1 << 0; // bit 32 of the features

/** Offsets in the common configuration structure. @see VIRTIO 1.2, 4.1.4.3 */
const QUEUE_ADDRESSES: ReadonlyMap<number, QueueRegister> = new Map([
  [0x20, 'descriptorsLow'],
  [0x24, 'descriptorsHigh'],
  [0x28, 'driverLow'],
  [0x2c, 'driverHigh'],
  [0x30, 'deviceLow'],
  [0x34, 'deviceHigh'],
]);

/** Bodies of the capabilities, without ID and link, that locate the structures. @see VIRTIO 1.2, 4.1.4 */
export function virtioCapabilities(configBytes: number): Uint8Array[] {
  const places = [
    { type: 1, offset: COMMON, bytes: 0x38 },
    { type: 2, offset: NOTIFY, bytes: STRUCTURE_BYTES, multiplier: NOTIFY_MULTIPLIER },
    { type: 3, offset: ISR, bytes: 4 },
    ...(configBytes > 0 ? [{ type: 4, offset: DEVICE, bytes: configBytes }] : []),
  ];
  return places.map(({ type, offset, bytes, multiplier }) => {
    const body = new DataView(new ArrayBuffer(multiplier === undefined ? 14 : 18));
    body.setUint8(0, body.byteLength + 2);
    body.setUint8(1, type);
    body.setUint8(2, VIRTIO_BAR);
    body.setUint32(6, offset, true);
    body.setUint32(10, bytes, true);
    if (multiplier !== undefined) body.setUint32(14, multiplier, true);
    return new Uint8Array(body.buffer);
  });
}

/** The registers of a virtio device on PCI, for its driver. Any vCPU's thread; the driver does its own locking. */
export class VirtioTransport implements BarTarget {
  readonly #registers: VirtioRegisters;
  readonly #model: VirtioModel;
  readonly #vectors: number;

  constructor(registers: VirtioRegisters, model: VirtioModel, vectors: number) {
    this.#registers = registers;
    this.#model = model;
    this.#vectors = vectors;
  }

  read(offset: number, bytes: AccessBytes): bigint {
    if (offset >= DEVICE && offset < DEVICE + STRUCTURE_BYTES)
      return this.#readConfig(offset - DEVICE, bytes);
    if (offset === ISR) return BigInt(this.#registers.takeIsr());
    const value = offset < ISR ? this.#readCommon(offset) : 0;
    return BigInt.asUintN(8 * bytes, BigInt(value >>> 0));
  }

  write(offset: number, bytes: AccessBytes, value: bigint): void {
    const word = Number(BigInt.asIntN(32, value));
    if (offset >= NOTIFY) {
      const queue = Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER);
      if (queue < this.#registers.queues) this.#registers.notify(queue);
    } else if (offset < ISR) {
      this.#writeCommon(offset, word);
      if (bytes === 8) this.#writeCommon(offset + 4, Number(BigInt.asIntN(32, value >> 32n)));
    }
  }

  #readConfig(offset: number, bytes: AccessBytes): bigint {
    const config = this.#model.config;
    let value = 0n;
    for (let index = bytes - 1; index >= 0; index--)
      value = (value << 8n) | BigInt(config[offset + index] ?? 0);
    return value;
  }

  #readCommon(offset: number): number {
    const registers = this.#registers;
    const queue = registers.get('queueSelect');
    const exists = queue < registers.queues;
    const address = QUEUE_ADDRESSES.get(offset);
    if (address) return exists ? registers.queue(queue, address) : 0;
    switch (offset) {
      case 0x00:
        return registers.get('deviceFeatureSelect');
      case 0x04:
        return this.#offered(registers.get('deviceFeatureSelect'));
      case 0x08:
        return registers.get('driverFeatureSelect');
      case 0x0c:
        return this.#accepted(registers.get('driverFeatureSelect'));
      case 0x10:
        return registers.get('configVector');
      case 0x12:
        return registers.queues;
      case 0x14:
        return registers.get('status');
      case 0x15:
        return 0; // the configuration never changes
      case 0x16:
        return queue;
      case 0x18:
        return exists ? registers.queue(queue, 'size') : 0;
      case 0x1a:
        return exists ? registers.queue(queue, 'vector') : 0;
      case 0x1c:
        return exists ? registers.queue(queue, 'enabled') : 0;
      case 0x1e:
        return exists ? queue : 0;
      default:
        return 0;
    }
  }

  #writeCommon(offset: number, value: number): void {
    const registers = this.#registers;
    const queue = registers.get('queueSelect');
    const address = QUEUE_ADDRESSES.get(offset);
    if (offset === 0x00) registers.set('deviceFeatureSelect', value);
    else if (offset === 0x08) registers.set('driverFeatureSelect', value);
    else if (offset === 0x0c) this.#accept(registers.get('driverFeatureSelect'), value);
    else if (offset === 0x10) registers.set('configVector', this.#vector(value));
    else if (offset === 0x14) this.#setStatus(value & 0xff);
    else if (offset === 0x16) registers.set('queueSelect', value & 0xffff);
    else if (queue >= registers.queues) return;
    else if (address) registers.setQueue(queue, address, value);
    else if (offset === 0x18) registers.setQueue(queue, 'size', checkedSize(value & 0xffff));
    else if (offset === 0x1a) registers.setQueue(queue, 'vector', this.#vector(value));
    else if (offset === 0x1c) registers.setQueue(queue, 'enabled', value & 1);
  }

  #offered(select: number): number {
    if (select === 0) return this.#model.features;
    return select === 1 ? VERSION_1 : 0;
  }

  #accepted(select: number): number {
    if (select === 0) return this.#registers.get('driverFeaturesLow');
    return select === 1 ? this.#registers.get('driverFeaturesHigh') : 0;
  }

  #accept(select: number, value: number): void {
    if (select === 0) this.#registers.set('driverFeaturesLow', value);
    else if (select === 1) this.#registers.set('driverFeaturesHigh', value);
  }

  /** A nonexistent vector reads back as NO_VECTOR, which shows the driver that it does not exist. */
  #vector(value: number): number {
    const vector = value & 0xffff;
    return vector < this.#vectors ? vector : 0xffff;
  }

  /** A write of 0 requests a reset, which the device's thread performs; the driver waits until the status reads 0. */
  #setStatus(status: number): void {
    const registers = this.#registers;
    if (status === 0) {
      if (registers.get('status') === 0) return;
      registers.set('resetAsked', 1);
      registers.bell.signal();
      return;
    }
    const low = registers.get('driverFeaturesLow');
    const agreed = (low & ~this.#model.features) === 0 && registers.get('driverFeaturesHigh') === VERSION_1;
    registers.set('status', agreed ? status : status & ~STATUS_FEATURES_OK);
  }
}

/** The queue's size, or 0, an empty queue, for a size that is too large or no power of two. */
function checkedSize(size: number): number {
  return size > 0 && size <= QUEUE_SIZE && Number.isInteger(Math.log2(size)) ? size : 0;
}
