/** An entry of an archive. Directories and devices have no data. */
export type CpioEntry = {
  /** Relative to the root: `init`, `dev/console`. */
  readonly name: string;
  /** st_mode: type and permissions. Default: a file, 0o100755. */
  readonly mode?: number;
  readonly data?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [major: number, minor: number];
};

export const CPIO_FILE = 0o100_755;
export const CPIO_DIRECTORY = 0o040_755;
export const CPIO_CHARACTER_DEVICE = 0o020_600;

const TRAILER = 'TRAILER!!!';

/**
 * Writes an archive in cpio's "newc" format, which Linux unpacks as its initial RAM file system.
 * @see Documentation/driver-api/early-userspace/buffer-format.rst
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [index, entry] of entries.entries()) parts.push(...record(entry, index + 1));
  parts.push(...record({ name: TRAILER, mode: 0 }, 0));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function record(entry: CpioEntry, inode: number): Uint8Array[] {
  const { name, mode = CPIO_FILE, data = new Uint8Array(), device = [0, 0] } = entry;
  const encoded = new TextEncoder().encode(`${name}\0`);
  const [major, minor] = device;
  const links = (mode & 0o170_000) === (CPIO_DIRECTORY & 0o170_000) ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, encoded.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(concat(new TextEncoder().encode(header), encoded)), padded(data)];
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const more = new Uint8Array(bytes.length + 4 - (bytes.length % 4));
  more.set(bytes);
  return more;
}
