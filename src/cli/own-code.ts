import { statSync } from 'node:fs';
import { Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { wholeNumber } from './values.ts';

/** Flags that say which code of the user's own plays the guest and the devices. */
export type OwnCodeFlags = { readonly guest?: string; readonly device?: string; readonly shared: number };

/** Size of the memory that a user's guest and devices share where the command line says nothing else, bytes. */
export const SHARED_BYTES = 65_536;

/** The flags of a measurement with code of the user's own. */
export function ownCodeOptions(): Option[] {
  return [
    new Option('--guest <file>', 'module of your own that exports interrupt(cpu, intid): the handler'),
    new Option(
      '--device <file>',
      'module of your own that exports run(device), called again until the measurement is over',
    ),
    sharedOption(),
  ];
}

export function sharedOption(): Option {
  return new Option(
    '--shared <bytes>',
    'of your own guest and devices: size of the memory that they see as cpu.shared and device.shared',
  )
    .argParser(wholeNumber(0, 2 ** 30, 'bytes'))
    .default(SHARED_BYTES);
}

/** Whether the guest or the devices are the user's own. */
export const hasOwnCode = ({ guest, device }: Omit<OwnCodeFlags, 'shared'>): boolean =>
  guest !== undefined || device !== undefined;

/** @throws IrqError `ERR_FILE` for a module that is not there, or is no file */
export function checkOwnFiles({ guest, device }: Omit<OwnCodeFlags, 'shared'>): void {
  checkModule('guest', guest, 'interrupt(cpu, intid)');
  checkModule('device', device, 'run(device)');
}

function checkModule(flag: 'guest' | 'device', file: string | undefined, call: string): void {
  if (file === undefined) return;
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile()) return;
  const right = `--${flag} is the file of a module that exports ${call}`;
  const wrong =
    stat === undefined
      ? `there is no file "${file}"`
      : `"${file}" is ${stat.isDirectory() ? 'a folder' : 'no regular file'}`;
  throw new IrqError('ERR_FILE', `${wrong}: ${right}`);
}
