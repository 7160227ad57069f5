import { readFileSync, writeFileSync } from 'node:fs';
import { IrqError } from '../base/irq-error.ts';

/** Writes a file that the user asked for. @throws IrqError `ERR_FILE` */
export function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw unreadable('written', file, error);
  }
}

/** Reads a file that the user named. @throws IrqError `ERR_FILE` */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable('read', file, error);
  }
}

function unreadable(done: string, file: string, error: unknown): IrqError {
  const why = error instanceof Error ? error.message : String(error);
  return new IrqError('ERR_FILE', `${file} cannot be ${done}: ${why}`, { cause: error });
}
