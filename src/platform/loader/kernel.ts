import { gunzipSync } from 'node:zlib';
import { IrqError } from '../../base/irq-error.ts';
import { readElf } from './elf.ts';
import type { Kernel } from './program.ts';

const IMAGE_MAGIC = 0x644d_5241; // 'ARM\x64'
const IMAGE_MAGIC_AT = 0x38;
const ELF_MAGIC = 0x464c_457f;
/** These four bytes follow 'MZ\0\0' in a PE image that unpacks its own compressed kernel. */
const ZBOOT_MAGIC = 0x676d_697a;
/** Offset of an Image without an image_size. @see Documentation/arch/arm64/booting.rst */
const OLD_TEXT_OFFSET = 0x8_0000;
/** Offset of a flat binary, as in kvm-unit-tests and QEMU's loader. */
export const FLAT_OFFSET = 0x8_0000;
const MOST_UNPACKED = 2 ** 30;

/** Files that are no guest, by the bytes with which they begin. Each would run as a flat binary, and get nowhere. */
const OTHERS: readonly (readonly [begin: string, kind: string])[] = [
  ['\xfd7zXZ\0', 'is compressed with xz: unpack the kernel first (unxz); only gzip is unpacked here'],
  ['(\xb5/\xfd', 'is compressed with zstd: unpack the kernel first (unzstd); only gzip is unpacked here'],
  ['BZh', 'is compressed with bzip2: unpack the kernel first (bunzip2); only gzip is unpacked here'],
  ['\0asm', 'is WebAssembly, and no code of AArch64'],
];
/** So many of a file's first bytes tell whether it is a text. */
const TEXT_BYTES = 4096;

/**
 * Reads a kernel: an arm64 Image, also compressed with gzip; an ELF of AArch64; anything else is a flat binary.
 * @param ramBase - start of guest memory; an Image's address is relative to it
 * @throws IrqError `ERR_GUEST_IMAGE` for a file that is no valid kernel
 */
export function readKernel(file: Uint8Array, ramBase: number): Kernel {
  const bytes = unpacked(file);
  if (bytes.length === 0) throw new IrqError('ERR_GUEST_IMAGE', 'the kernel file is empty');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => (at + 4 <= bytes.length ? view.getUint32(at, true) : 0);
  if (word(4) === ZBOOT_MAGIC) {
    throw new IrqError(
      'ERR_GUEST_IMAGE',
      'this kernel is an EFI zboot image, which unpacks itself under firmware: give the Image inside of it',
    );
  }
  if (word(0) === ELF_MAGIC) return readElf(bytes);
  if (word(IMAGE_MAGIC_AT) === IMAGE_MAGIC) return readImage(bytes, view, ramBase);
  refuseOthers(bytes);
  const entry = ramBase + FLAT_OFFSET;
  return { kind: 'flat', segments: [{ address: entry, bytes }], entry, end: entry + bytes.length };
}

/** @throws IrqError for a file that is no code of AArch64 for sure */
function refuseOthers(bytes: Uint8Array): void {
  const begin = Buffer.from(bytes.subarray(0, 8)).toString('latin1');
  const [, kind] = OTHERS.find(([magic]) => begin.startsWith(magic)) ?? [];
  if (kind !== undefined) throw new IrqError('ERR_GUEST_IMAGE', `the kernel file ${kind}`);
  if (isText(bytes.subarray(0, TEXT_BYTES)))
    throw new IrqError(
      'ERR_GUEST_IMAGE',
      'the kernel file is a text; expected an Image, an ELF file or a flat binary for arm64 (irqloom explore takes a scenario without --guest)',
    );
}

/** Whether bytes are UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these tell a binary from a text
    return !/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text);
  } catch {
    return false;
  }
}

function readImage(bytes: Uint8Array, view: DataView, ramBase: number): Kernel {
  const imageBytes = Number(view.getBigUint64(16, true));
  if ((view.getUint32(24, true) & 1) !== 0)
    throw new IrqError('ERR_GUEST_IMAGE', 'this Image is a big-endian kernel, which irqloom does not run');
  const offset = imageBytes === 0 ? OLD_TEXT_OFFSET : Number(view.getBigUint64(8, true));
  const address = ramBase + offset;
  return {
    kind: 'Image',
    segments: [{ address, bytes }],
    entry: address,
    end: address + Math.max(imageBytes, bytes.length),
  };
}

function unpacked(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    throw new IrqError('ERR_GUEST_IMAGE', 'the kernel file begins as gzip does, but cannot be unpacked', {
      cause: error,
    });
  }
}
