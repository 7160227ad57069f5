/**
 * How many columns texts for people have: those of the terminal, or no bound where the text goes to a file or a pipe. Set once, by
 * the process that prints.
 */
let columns: number | undefined;

/** The start of every command of irqloom. */
const COMMAND = 'npx irqloom ';

/** The least that texts are fitted to: below that, the terminal breaks the lines. */
const LEAST = 20;

/** @param width - columns of the terminal; undefined or 0: no bound */
export function setTextWidth(width: number | undefined): void {
  columns = width ? Math.max(LEAST, width) : undefined;
}

/** Columns that a line may have; infinite where there is no bound. */
export function textWidth(): number {
  return columns ?? Number.POSITIVE_INFINITY;
}

/**
 * A text whose lines fit: a longer line breaks between words, and goes on two columns further in than its start. A command
 * stays on its line, so that a reader can copy the command.
 */
export function fitted(text: string): string {
  const width = textWidth();
  if (!Number.isFinite(width)) return text;
  return text
    .split('\n')
    .flatMap((line) => (line.length <= width || line.includes(COMMAND) ? [line] : brokenLines(line, width)))
    .join('\n');
}

function brokenLines(line: string, width: number): string[] {
  const [indent = ''] = /^ */.exec(line) ?? [];
  const further = ' '.repeat(Math.min(indent.length + 2, width >> 1));
  return wrapped(line.trimStart(), width - indent.length, width - further.length).map(
    (part, index) => (index === 0 ? indent : further) + part,
  );
}

/**
 * The words of a text in lines; a word that is longer than a line has one to itself.
 * @param first - columns of the first line; @param rest - of the others
 */
export function wrapped(text: string, first: number, rest = first): string[] {
  const lines: string[] = [];
  let line = '';
  // Blanks between words are kept, so that columns of a table stay apart.
  for (const [, blanks = '', word = ''] of text.matchAll(/( *)([^ ]+)/g)) {
    const width = lines.length === 0 ? first : rest;
    if (line !== '' && line.length + blanks.length + word.length > width) {
      lines.push(line);
      line = word;
    } else line += line === '' ? word : blanks + word;
  }
  return [...lines, line];
}

/** A status line that fits: parts that have no room are left out from the right, and an ellipsis stands for them. */
export function clipped(text: string, width: number): string {
  if (text.length <= width) return text;
  const room = Math.max(0, width - 1);
  // The parts of a status line end with a comma, or with two spaces.
  const [fits = ''] = /^.*(?:, | {2})/.exec(text.slice(0, room)) ?? [];
  return `${fits === '' ? text.slice(0, room) : fits}…`;
}
