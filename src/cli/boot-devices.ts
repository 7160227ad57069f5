import { IrqError } from '../base/irq-error.ts';
import { DEVICE_KINDS, type DeviceSpec } from '../platform/virtio/kinds.ts';

const SIZE = /^(\d+)([KMG]?)$/;
const UNITS = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
const MOST_DISK = 2 ** 30;

/** What `--device` asks for, each once: the devices, and what is on their disks. @throws IrqError `ERR_USAGE`, `ERR_FILE` */
export function parseDevices(
  given: readonly string[],
  read: (file: string) => Uint8Array,
): { readonly devices: DeviceSpec[]; readonly disks: Uint8Array[] } {
  const devices: DeviceSpec[] = [];
  const disks: Uint8Array[] = [];
  for (const text of given) {
    const [kind = '', ...rest] = text.split(':');
    if (kind === 'block') {
      const readOnly = rest.at(-1) === 'ro';
      const disk = diskOf(rest.slice(0, readOnly ? -1 : undefined).join(':'), text, read);
      devices.push({ kind, bytes: disk.length, readOnly });
      disks.push(disk);
    } else if ((kind === 'rng' || kind === 'net' || kind === 'console') && rest.length === 0)
      devices.push({ kind });
    else throw unknown(text);
  }
  return { devices, disks };
}

function diskOf(what: string, text: string, read: (file: string) => Uint8Array): Uint8Array {
  const [, digits, unit] = SIZE.exec(what) ?? [];
  const bytes = digits === undefined ? undefined : Number(digits) * UNITS[(unit ?? '') as keyof typeof UNITS];
  if (what === '') throw unknown(text);
  if (bytes !== undefined && bytes > MOST_DISK)
    throw new IrqError('ERR_USAGE', `--device ${text}: a disk is at most 1 GiB, which lies in memory`);
  return bytes === undefined ? read(what) : new Uint8Array(bytes);
}

function unknown(text: string): IrqError {
  const kinds = DEVICE_KINDS.filter((kind) => kind !== 'block').join(', ');
  return new IrqError(
    'ERR_USAGE',
    `--device ${text}: expected ${kinds}, block:FILE, block:FILE:ro or block:SIZE (as 64M)`,
  );
}
