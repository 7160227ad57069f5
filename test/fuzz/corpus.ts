import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From here, and from `dist`, which is a folder deeper. */
const FOLDER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './corpus/' : '../../../test/fuzz/corpus/', import.meta.url),
);

/** The file with the kept inputs of a target: one a line, in base64. */
export const corpusFile = (target: string): string => join(FOLDER, `${target}.txt`);

/** The kept inputs of a target. */
export function corpusOf(target: string): Uint8Array[] {
  const path = corpusFile(target);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));
}
