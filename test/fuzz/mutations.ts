import type { Chance } from '../../src/base/chance.ts';

/** Numbers at the edges of what a field can hold. */
const EDGES = ['0', '-1', '1', '31', '32', '1019', '1020', '8191', '8192', '65535', '65536', '2147483647'];
const LARGE = ['2147483648', '4294967295', '4294967296', '9007199254740992', '1e308', '0.5', 'NaN', '1e9'];
const TEXTS = ['null', 'true', '[]', '{}', '"', '\\u0000', '__proto__', 'constructor', '\u001b[2J', '\uFEFF'];
const WORDS = [...EDGES, ...LARGE, ...TEXTS].map((word) => Buffer.from(word));

const MOST_CHANGES = 4;
/** A longer input only makes a parser slower. */
export const MOST_BYTES = 1 << 20;

/** Changes an input in one to four places. `others` are inputs to splice with; `words` are a format's own. */
export function mutate(
  chance: Chance,
  input: Uint8Array,
  others: readonly Uint8Array[],
  words: readonly Uint8Array[],
): Uint8Array {
  let bytes = input;
  for (let left = 1 + chance.below(MOST_CHANGES); left > 0; left--)
    bytes = once(chance, bytes, others, words);
  return bytes.subarray(0, MOST_BYTES);
}

function once(
  chance: Chance,
  bytes: Uint8Array,
  others: readonly Uint8Array[],
  words: readonly Uint8Array[],
): Uint8Array {
  const at = chance.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + chance.below(1 << chance.below(10)));
  const one = (of: readonly Uint8Array[]): Uint8Array => of[chance.below(of.length)] ?? new Uint8Array();
  switch (chance.below(9)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << chance.below(8)));
    case 1:
      return changed(bytes, at, () => chance.below(256));
    case 2:
      return spliced(bytes, at, end, new Uint8Array());
    case 3:
      return spliced(bytes, at, at, bytes.subarray(at, end));
    case 4:
      return spliced(bytes, at, end, one(WORDS));
    case 5:
      return spliced(bytes, at, at, one(words));
    case 6: {
      const other = one(others);
      const from = chance.below(other.length + 1);
      return spliced(bytes, at, end, other.subarray(from, from + end - at + chance.below(64)));
    }
    case 7:
      return number(chance, bytes, at);
    default:
      return lines(chance, bytes);
  }
}

function changed(bytes: Uint8Array, at: number, to: (byte: number) => number): Uint8Array {
  // Not slice(): that of a Buffer copies nothing.
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) copy[at % copy.length] = to(copy[at % copy.length] ?? 0);
  return copy;
}

function spliced(bytes: Uint8Array, from: number, to: number, piece: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length - (to - from) + piece.length);
  whole.set(bytes.subarray(0, from));
  whole.set(piece, from);
  whole.set(bytes.subarray(to), from + piece.length);
  return whole;
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** Replaces the next number in the text by one at an edge. */
function number(chance: Chance, bytes: Uint8Array, near: number): Uint8Array {
  let from = near;
  while (from < bytes.length && !isDigit(bytes[from])) from++;
  let to = from;
  while (isDigit(bytes[to])) to++;
  return spliced(bytes, from, to, WORDS[chance.below(EDGES.length + LARGE.length)] ?? new Uint8Array());
}

/** Takes a line of the text away, or says the line twice, or moves the line. */
function lines(chance: Chance, bytes: Uint8Array): Uint8Array {
  const all = Buffer.from(bytes).toString('latin1').split('\n');
  const [line = ''] = all.splice(chance.below(all.length), chance.below(2));
  if (chance.below(3) > 0) all.splice(chance.below(all.length + 1), 0, line);
  return Buffer.from(all.join('\n'), 'latin1');
}
