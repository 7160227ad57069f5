import { IrqError } from '../base/irq-error.ts';
import { DEVICE_KINDS, type DeviceSpec } from '../platform/virtio/kinds.ts';

const SIZE = /^(\d+)([KMG]?)$/;
const UNITS = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
const MOST_DISK = 2 ** 30;
const TEST_DEVICE = 'pci-testdev';

/** The devices of `--device`, each once, and the bytes of their disks. @throws IrqError `ERR_USAGE`, `ERR_FILE` */
export function parseDevices(
  given: readonly string[],
  read: (file: string) => Uint8Array,
): { readonly devices: DeviceSpec[]; readonly disks: Uint8Array[]; readonly testDevice: boolean } {
  const devices: DeviceSpec[] = [];
  const disks: Uint8Array[] = [];
  let testDevice = false;
  for (const text of given) {
    const [kind = '', ...rest] = text.split(':');
    if (kind === 'block') {
      const readOnly = rest.at(-1) === 'ro';
      const disk = diskOf(rest.slice(0, readOnly ? -1 : undefined).join(':'), text, read);
      if (disk.length === 0)
        throw new IrqError(
          'ERR_USAGE',
          `--device ${text}: the disk is empty; give the disk one byte or more`,
        );
      devices.push({ kind, bytes: disk.length, readOnly });
      disks.push(disk);
    } else if ((kind === 'rng' || kind === 'net' || kind === 'console') && rest.length === 0)
      devices.push({ kind });
    else if (text !== TEST_DEVICE) throw unknown(text);
    else if (testDevice) throw new IrqError('ERR_USAGE', `--device ${TEST_DEVICE}: a board has one at most`);
    else testDevice = true;
  }
  return { devices, disks, testDevice };
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
    `--device ${text}: expected ${kinds}, ${TEST_DEVICE}, block:FILE, block:FILE:ro or block:SIZE (as 64M)`,
  );
}
