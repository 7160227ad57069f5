import { deflateSync, inflateSync } from 'node:zlib';
import { IrqError } from '../base/irq-error.ts';
import { Distribution } from './distribution.ts';

/**
 * HdrHistogram's V2 compressed encoding in base64, which its plotters and log readers take. Big-endian throughout:
 * cookie, length, and a zlib stream of: cookie, length of the payload, index offset (0), digits, lowest value (1), highest
 * value, ratio (1.0), payload. The payload has a number for each bucket up to the last non-empty one: its count, or -n
 * for n empty buckets in a row; as zig-zag LEB128 of at most nine bytes.
 * @see HdrHistogram: AbstractHistogram.encodeIntoCompressedByteBuffer, ZigZagEncoding
 */
const COMPRESSED_COOKIE = 0x1c84_9314;
const COOKIE = 0x1c84_9313;
const HEADER_BYTES = 40;

/** More than the largest shape of three digits needs; a larger claim means damage. */
const MOST_BYTES = 1 << 24;

/** Encodes a distribution as base64. */
export function encodeHistogram(distribution: Distribution): string {
  const { highest, digits } = distribution.buckets.shape;
  const payload = encodeCounts(distribution);
  const plain = Buffer.alloc(HEADER_BYTES + payload.length);
  plain.writeUInt32BE(COOKIE, 0);
  plain.writeUInt32BE(payload.length, 4);
  plain.writeUInt32BE(digits, 12);
  plain.writeBigUInt64BE(1n, 16);
  plain.writeBigUInt64BE(BigInt(highest), 24);
  plain.writeDoubleBE(1, 32);
  plain.set(payload, HEADER_BYTES);

  const zipped = deflateSync(plain);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(COMPRESSED_COOKIE, 0);
  head.writeUInt32BE(zipped.length, 4);
  return Buffer.concat([head, zipped]).toString('base64');
}

/**
 * Decodes the output of {@link encodeHistogram}, or of another HdrHistogram.
 * @throws IrqError `ERR_RESULT_FORMAT` for anything else, and for a lowest value other than 1.
 */
export function decodeHistogram(base64: string): Distribution {
  const outer = Buffer.from(base64.trim(), 'base64');
  if (outer.length < 8 || outer.readUInt32BE(0) !== COMPRESSED_COOKIE) {
    throw damaged('it does not start with the mark of the V2 compressed encoding');
  }
  const length = outer.readUInt32BE(4);
  if (outer.length < 8 + length) throw damaged(`it is cut off: ${outer.length - 8} of ${length} bytes`);
  const plain = unzip(outer.subarray(8, 8 + length));

  if (plain.length < HEADER_BYTES || plain.readUInt32BE(0) !== COOKIE)
    throw damaged('no V2 histogram is inside');
  const end = HEADER_BYTES + plain.readUInt32BE(4);
  if (plain.length < end)
    throw damaged(`its counts are cut off: ${plain.length - HEADER_BYTES} of ${end - HEADER_BYTES} bytes`);
  const lowest = plain.readBigUInt64BE(16);
  if (lowest !== 1n) throw damaged(`its lowest value is ${lowest}; only 1 is understood`);
  const distribution = emptyOf(Number(plain.readBigUInt64BE(24)), plain.readUInt32BE(12));
  decodeCounts(plain.subarray(HEADER_BYTES, end), distribution);
  return distribution;
}

function damaged(why: string, cause?: unknown): IrqError {
  return new IrqError('ERR_RESULT_FORMAT', `not an encoded histogram: ${why}`, { cause });
}

function unzip(bytes: Uint8Array): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw damaged('its zlib stream is broken', error);
  }
}

function emptyOf(highest: number, digits: number): Distribution {
  try {
    return new Distribution({ highest, digits });
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : 'its shape is impossible', error);
  }
}

function encodeCounts(distribution: Distribution): Buffer {
  const bytes: number[] = [];
  let next = 0;
  for (const [index, count] of distribution.counts()) {
    const empty = index - next;
    if (empty === 1) putNumber(bytes, 0);
    else if (empty > 1) putNumber(bytes, -empty);
    putNumber(bytes, count);
    next = index + 1;
  }
  return Buffer.from(bytes);
}

function decodeCounts(bytes: Uint8Array, distribution: Distribution): void {
  let index = 0;
  for (let at = 0; at < bytes.length; ) {
    const [number, after] = takeNumber(bytes, at);
    if (after > bytes.length) throw damaged('its last count is cut off');
    at = after;
    if (number < 0) {
      index -= number;
      continue;
    }
    if (index >= distribution.buckets.length)
      throw damaged(`it has a count past its ${distribution.buckets.length} buckets`);
    if (number > 0) distribution.addAt(index, number);
    index++;
  }
}

/** Divides instead of shifting: numbers go to 2^53, past the integer operators. */
function putNumber(bytes: number[], number: number): void {
  let rest = number < 0 ? -number * 2 - 1 : number * 2;
  for (let i = 0; i < 8 && rest >= 0x80; i++) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

function takeNumber(bytes: Uint8Array, at: number): readonly [number: number, after: number] {
  let rest = 0;
  let place = 1;
  for (let i = 0; ; i++) {
    const byte = bytes[at++] ?? 0;
    if (i === 8 || byte < 0x80) {
      rest += byte * place;
      return [rest % 2 === 0 ? rest / 2 : -(rest + 1) / 2, at];
    }
    rest += (byte - 0x80) * place;
    place *= 0x80;
  }
}
