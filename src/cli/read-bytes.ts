import { readFileSync } from 'node:fs';
import { IrqError } from '../base/irq-error.ts';

/** A file that the user has named. @throws IrqError `ERR_FILE` */
export function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IrqError('ERR_FILE', `${file} cannot be read: ${why}`, { cause });
  }
}
