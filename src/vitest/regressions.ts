import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { IrqError } from '../base/irq-error.ts';

/** The saved schedules of one test file: tokens by test. */
type Saved = Record<string, string[]>;

/** Where the schedules of a test file are kept: beside it, to be committed with it. */
function regressionFile(testPath: string): string {
  return join(dirname(testPath), '__interleavings__', `${basename(testPath)}.json`);
}

/** The tokens that were saved for a test. @throws IrqError `ERR_FILE` where the file is damaged */
export function savedTokens(testPath: string, test: string): readonly string[] {
  return read(regressionFile(testPath))[test] ?? [];
}

/** Saves a token, so that it is replayed before anything else from now on. Returns the file. */
export function saveToken(testPath: string, test: string, token: string): string {
  const file = regressionFile(testPath);
  const saved = read(file);
  const tokens = saved[test] ?? [];
  if (!tokens.includes(token)) {
    saved[test] = [...tokens, token];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(saved, null, 2)}\n`);
  }
  return file;
}

function read(file: string): Saved {
  if (!existsSync(file)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw damaged(file, error);
  }
  if (!isSaved(value)) throw damaged(file);
  return value;
}

function isSaved(value: unknown): value is Saved {
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
