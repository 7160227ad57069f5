/**
 * Writes a flattened device tree, the format that boot loaders pass to kernels: nodes and properties in the order of the calls.
 * @see Devicetree Specification 0.4, chapter 5
 */
const MAGIC = 0xd00d_feed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_BYTES = 40;
/** No reservations: only the entry of zeros that ends the list. */
const RESERVATION_BYTES = 16;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

/** A property's value: cells of 32 bits, a string, several strings, bytes, or nothing (a flag). */
export type FdtValue = readonly number[] | string | readonly string[] | Uint8Array | true;

/** Writes a device tree. Nodes nest; every `begin` needs an `end`. */
export class FdtWriter {
  readonly #structure: number[] = [];
  readonly #strings = new Map<string, number>();
  #stringBytes = 0;
  #depth = 0;

  /** @param name - with its unit address: `uart@9000000`; empty for the root */
  begin(name: string): this {
    this.#word(BEGIN_NODE);
    this.#bytes(encodeStrings([name]));
    this.#depth++;
    return this;
  }

  end(): this {
    if (this.#depth === 0) throw new RangeError('a device tree node ends that never began');
    this.#word(END_NODE);
    this.#depth--;
    return this;
  }

  property(name: string, value: FdtValue): this {
    const bytes = encode(value);
    this.#word(PROPERTY);
    this.#word(bytes.length);
    this.#word(this.#stringAt(name));
    this.#bytes(bytes);
    return this;
  }

  /** A node with its properties, and the nodes that `inside` adds. */
  node(name: string, properties: Readonly<Record<string, FdtValue>>, inside?: () => void): this {
    this.begin(name);
    for (const [property, value] of Object.entries(properties)) this.property(property, value);
    inside?.();
    return this.end();
  }

  /** The tree as one blob. @throws RangeError if a node is still open */
  finish(): Uint8Array {
    if (this.#depth !== 0) throw new RangeError(`${this.#depth} device tree nodes were left open`);
    this.#word(END);
    const strings = encodeStrings([...this.#strings.keys()]);
    const structureAt = HEADER_BYTES + RESERVATION_BYTES;
    const stringsAt = structureAt + this.#structure.length;
    const blob = new Uint8Array(stringsAt + strings.length);
    const view = new DataView(blob.buffer);
    const header = [
      MAGIC,
      blob.length,
      structureAt,
      stringsAt,
      HEADER_BYTES,
      VERSION,
      LAST_COMPATIBLE_VERSION,
      0,
      strings.length,
      this.#structure.length,
    ];
    for (const [index, value] of header.entries()) view.setUint32(4 * index, value);
    blob.set(this.#structure, structureAt);
    blob.set(strings, stringsAt);
    return blob;
  }

  #stringAt(name: string): number {
    const known = this.#strings.get(name);
    if (known !== undefined) return known;
    const at = this.#stringBytes;
    this.#strings.set(name, at);
    this.#stringBytes += name.length + 1;
    return at;
  }

  #word(value: number): void {
    this.#structure.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }

  #bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#structure.push(byte);
    while (this.#structure.length % 4 !== 0) this.#structure.push(0);
  }
}

/** A number of 64 bits as two cells, high half first. */
export function cells64(value: number): [number, number] {
  return [Math.floor(value / 2 ** 32), value >>> 0];
}

function encode(value: FdtValue): Uint8Array {
  if (value === true) return new Uint8Array();
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return encodeStrings([value]);
  if (value.every((item) => typeof item === 'string')) return encodeStrings(value as readonly string[]);
  const bytes = new Uint8Array(value.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, cell] of value.entries()) view.setUint32(4 * index, Number(cell));
  return bytes;
}

function encodeStrings(strings: readonly string[]): Uint8Array {
  return new TextEncoder().encode(strings.map((text) => `${text}\0`).join(''));
}
