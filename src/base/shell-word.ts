/**
 * A word as a shell reads it: quoted where needed. Control characters become escapes in `$'…'`, which bash, zsh and ksh
 * read: a name must not reach the terminal as a command.
 */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${word.replace(ESCAPED, (c) => (c === "'" || c === '\\' ? `\\${c}` : inBytes(c)))}'`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const ESCAPED = /[\u0000-\u001f\u007f-\u009f'\\]/g;

/** The bytes of a character in UTF-8, as `\x1b`. */
function inBytes(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
