import { IrqError } from '../base/irq-error.ts';
import { type Kind, wordNames } from './layout.ts';
import type { Words } from './word.ts';

/** 'irql' as a little-endian word: the first word of every irqloom buffer. */
const MAGIC = 0x6c717269;

/**
 * The version of the layout. Raise it when an offset or the meaning of a word changes: `readHeader` refuses other
 * versions.
 */
export const LAYOUT_VERSION = 3;

/** Words of the header before the configuration: magic, version, total words, number of configuration words. */
export const HEADER_WORDS = 4;

/** The first region of every irqloom buffer. */
export const HEADER: Kind = {
  name: 'header',
  wordName: wordNames(['magic', 'version', 'words', 'configured']),
};

/** Writes the header of a fresh buffer. From `config`, another process computes the same layout. */
export function writeHeader(words: Words, config: readonly number[]): void {
  words.set([MAGIC, LAYOUT_VERSION, words.length, config.length, ...config], 0);
}

/**
 * Returns the configuration with which the creator laid the buffer out.
 * @throws IrqError `ERR_LAYOUT` for a foreign buffer, another version, or a buffer that was cut off or has grown.
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
