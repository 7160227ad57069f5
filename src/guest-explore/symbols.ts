/** Names for addresses: a guest's functions. */
export type Symbols = { readonly nameOf: (address: bigint) => string };

type Symbol = { readonly address: bigint; readonly name: string };

const CLASS_64 = 2;
const SYMBOL_TABLE = 2;
const FUNCTION = 2;
const UNTYPED = 0;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
/** An address farther than this after a symbol does not belong to it. */
const MOST_OFFSET = 0x10_0000n;

export const NO_SYMBOLS: Symbols = { nameOf: hex };

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/** The functions of an ELF file, or of a System.map; none for any other file. */
export function readSymbols(bytes: Uint8Array): Symbols {
  const isElf = bytes.length >= 64 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[4] === CLASS_64;
  const found = isElf ? elfSymbols(bytes) : mapSymbols(bytes);
  if (found.length === 0) return NO_SYMBOLS;
  found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return { nameOf: (address) => nameIn(found, address) };
}

function nameIn(symbols: readonly Symbol[], address: bigint): string {
  let [low, high] = [0, symbols.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((symbols[middle]?.address ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const found = symbols[low - 1];
  if (!found || address - found.address > MOST_OFFSET) return hex(address);
  const offset = address - found.address;
  return offset === 0n ? found.name : `${found.name}+${hex(offset)}`;
}

/** The symbols of types T, t, W and w in lines of `address type name`. */
function mapSymbols(bytes: Uint8Array): Symbol[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return [...text.matchAll(/^([0-9a-f]{8,16}) [TtWw] (\S+)$/gm)].map(([, address, name]) => ({
    address: BigInt(`0x${address}`),
    name: name ?? '',
  }));
}

/** Function symbols, and untyped symbols of assembler files. Of a damaged file, the readable symbols. */
function elfSymbols(bytes: Uint8Array): Symbol[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fits = (at: number, size: number) => at >= 0 && at + size <= bytes.length;
  const headersAt = Number(view.getBigUint64(40, true));
  const sections = view.getUint16(60, true);
  const header = (index: number) => headersAt + index * SECTION_HEADER_BYTES;
  const all: Symbol[] = [];
  for (let section = 0; section < sections; section++) {
    const at = header(section);
    if (!fits(at, SECTION_HEADER_BYTES) || view.getUint32(at + 4, true) !== SYMBOL_TABLE) continue;
    const strings = header(view.getUint32(at + 40, true));
    if (!fits(strings, SECTION_HEADER_BYTES)) continue;
    const namesAt = Number(view.getBigUint64(strings + 24, true));
    const from = Number(view.getBigUint64(at + 24, true));
    const count = Number(view.getBigUint64(at + 32, true)) / SYMBOL_BYTES;
    for (let index = 0; index < count && fits(from + index * SYMBOL_BYTES, SYMBOL_BYTES); index++) {
      const entry = from + index * SYMBOL_BYTES;
      const type = (bytes[entry + 4] ?? 0) & 15;
      const defined = view.getUint16(entry + 6, true) !== 0;
      const name = textAt(bytes, namesAt + view.getUint32(entry, true));
      if ((type === FUNCTION || type === UNTYPED) && defined && name !== '' && !name.startsWith('$'))
        all.push({ address: view.getBigUint64(entry + 8, true), name });
    }
  }
  return all;
}

function textAt(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return Buffer.from(bytes.subarray(at, end < 0 ? at : Math.min(end, at + 256))).toString('latin1');
}
