import { IrqError } from '../base/irq-error.ts';
import { type Kind, wordNames } from './layout.ts';
import type { Words } from './word.ts';

/** 'irql' as a little-endian word: the first thing in every buffer of ours. */
const MAGIC = 0x6c717269;

/** Moves whenever any offset or the meaning of any word changes. A buffer of another version is refused. */
export const LAYOUT_VERSION = 3;

/** Words of the header before the configuration: magic, version, total words, number of configuration words. */
export const HEADER_WORDS = 4;

/** The first region of every buffer of ours. */
export const HEADER: Kind = {
  name: 'header',
  wordName: wordNames(['magic', 'version', 'words', 'configured']),
};

/** Writes the header of a fresh buffer. `config` is what a stranger needs to compute the same layout again. */
export function writeHeader(words: Words, config: readonly number[]): void {
  words.set([MAGIC, LAYOUT_VERSION, words.length, config.length, ...config], 0);
}

/**
 * The configuration that a buffer was laid out with.
 * @throws IrqError `ERR_LAYOUT` where the buffer is not ours, of another version, cut off or grown.
 */
export function readHeader(words: Words): readonly number[] {
  const [magic = 0, version = 0, length = 0, count = 0] = words.subarray(0, HEADER_WORDS);
  if (magic !== MAGIC) {
    throw new IrqError(
      'ERR_LAYOUT',
      `the buffer does not start with irqloom's mark (found 0x${(magic >>> 0).toString(16)})`,
    );
  }
  if (version !== LAYOUT_VERSION) {
    throw new IrqError(
      'ERR_LAYOUT',
      `the buffer has layout version ${version}; this irqloom reads version ${LAYOUT_VERSION}`,
    );
  }
  if (length !== words.length) {
    throw new IrqError(
      'ERR_LAYOUT',
      `the buffer says it has ${length} words, and has ${words.length}: cut off or grown`,
    );
  }
  if (count < 0 || HEADER_WORDS + count > words.length) {
    throw new IrqError('ERR_LAYOUT', `the buffer's header claims ${count} configuration words`);
  }
  return Array.from(words.subarray(HEADER_WORDS, HEADER_WORDS + count));
}
