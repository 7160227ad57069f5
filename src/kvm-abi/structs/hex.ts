import { IrqError } from '../../base/irq-error.ts';

/**
 * Bytes from hexadecimal text as people have it: `0x01000000`, `01 00 00 00`, `01:00`, `\x01\x00`. Bytes in the order
 * written, so a word has its lowest byte first.
 * @throws IrqError `ERR_IOCTL_BYTES`, saying where
 */
export function parseHex(text: string): Uint8Array {
  const bytes: number[] = [];
  // Separators and prefixes may stand between bytes only.
  const pattern = /(?:0x|\\x)?([0-9a-f]{2})[\s:,_-]*/iy;
  const start = text.length - text.trimStart().length;
  pattern.lastIndex = start;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(text);
    if (!found?.[1]) {
      throw new IrqError(
        'ERR_IOCTL_BYTES',
        `at character ${at + 1}, "${text.slice(at, at + 8)}": two hexadecimal digits for each byte were expected`,
      );
    }
    bytes.push(Number.parseInt(found[1], 16));
  }
  return Uint8Array.from(bytes);
}

/** The reverse: `01 00 00 00`. */
export function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
