import { readFileSync, writeFileSync } from 'node:fs';
import { IrqError } from '../errors/irq-error.ts';

/** Writes a file that the user asked for. @throws IrqError `ERR_FILE` */
export function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw unreadable('written', file, error);
  }
}

/** Reads a JSON file that the user named. @throws IrqError `ERR_FILE`, `ERR_RESULT_FORMAT` where it is no JSON */
export function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable('read', file, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new IrqError('ERR_RESULT_FORMAT', `${file} is no JSON: ${why}`, { cause: error });
  }
}

function unreadable(done: string, file: string, error: unknown): IrqError {
  const why = error instanceof Error ? error.message : String(error);
  return new IrqError('ERR_FILE', `${file} cannot be ${done}: ${why}`, { cause: error });
}
