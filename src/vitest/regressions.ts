import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { IrqError } from '../base/irq-error.ts';

/**
 * The saved schedules of one test file: tokens by test, with any names of tests (`constructor`, `__proto__`).
 */
type Saved = Map<string, readonly string[]>;

/** The file of a test file's schedules: beside the test file, to be committed with it. */
function regressionFile(testPath: string): string {
  return join(dirname(testPath), '__interleavings__', `${basename(testPath)}.json`);
}

/** The tokens that were saved for a test. @throws IrqError `ERR_FILE` where the file is damaged */
export function savedTokens(testPath: string, test: string): readonly string[] {
  return read(regressionFile(testPath)).get(test) ?? [];
}

/**
 * Saves a token, to be replayed before anything else from now on.
 * @returns the file
 * @throws IrqError `ERR_FILE` if the file is damaged, or cannot be written
 */
export function saveToken(testPath: string, test: string, token: string): string {
  const file = regressionFile(testPath);
  const saved = read(file);
  const tokens = saved.get(test) ?? [];
  if (!tokens.includes(token)) {
    saved.set(test, [...tokens, token]);
    write(file, `${JSON.stringify(Object.fromEntries(saved), null, 2)}\n`);
  }
  return file;
}

/** In one step, so that a process that is ended meanwhile leaves the file of before, or the whole new one. */
function write(file: string, text: string): void {
  const part = `${file}.${process.pid}.part`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(part, text, { flush: true });
    renameSync(part, file);
  } catch (cause) {
    rmSync(part, { force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IrqError('ERR_FILE', `${file} cannot be written: ${why}`, { cause });
  }
}

function read(file: string): Saved {
  if (!existsSync(file)) return new Map();
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw damaged(file, error);
  }
  if (!isSaved(value)) throw damaged(file);
  return new Map(Object.entries(value));
}

function isSaved(value: unknown): value is Record<string, string[]> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(
      (tokens) => Array.isArray(tokens) && tokens.every((each) => typeof each === 'string'),
    )
  );
}

function damaged(file: string, cause?: unknown): IrqError {
  return new IrqError(
    'ERR_FILE',
    `${file} is not a file of saved schedules: it has the form { "name of the test": ["x1:…"] }; mend it, or take it away`,
    { cause },
  );
}
