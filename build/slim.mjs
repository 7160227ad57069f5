// Makes the JavaScript in dist smaller: comments go, because the declarations beside have them, and a level of indentation is one
// space. The package is a quarter smaller for it. Each line keeps its number, and source maps move with the columns, so stacks stay
// right. A comment with code behind it on its line stays, as the hints for bundlers and the columns of that code do; so do the first line
// of a command, the name of a source map, and every line that begins within a template.
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';
import { globSync } from 'tinyglobby';

/** Of base 64 VLQ. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const stamp = `${dist}.slim`;
const last = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
const now = new Date();
/** What is done is older than the stamp, and is not done again. */
const done = new Date(now.getTime() - 1000);

for (const file of globSync('{src,workers}/**/*.js', { cwd: dist, absolute: true })) {
  if (statSync(file).mtimeMs < last) continue;
  const { text, removed } = withLessIndentation(withoutComments(readFileSync(file, 'utf8')));
  writeFileSync(file, text);
  utimesSync(file, done, done);
  moveMap(`${file}.map`, removed);
}
// What tsc writes while this runs is newer than the stamp.
writeFileSync(stamp, '');
utimesSync(stamp, now, now);

function withoutComments(text) {
  const comments = [];
  parse(text, { ecmaVersion: 'latest', sourceType: 'module', onComment: comments });
  let bare = '';
  let from = 0;
  for (const { start, end, value } of comments) {
    const [rest] = text.slice(end).split('\n', 1);
    if (start === 0 || value.startsWith('# sourceMappingURL') || rest.trim() !== '') continue;
    const code = text.slice(from, start).trimEnd();
    bare += code + text.slice(from + code.length, end).replace(/[^\n]/g, '');
    from = end;
  }
  return bare + text.slice(from);
}

/** The text, and how many characters each of its lines has lost at its beginning. */
function withLessIndentation(text) {
  const templates = [];
  const onToken = ({ type, start, end }) => {
    if (type.label === 'template') templates.push([start, end]);
  };
  parse(text, { ecmaVersion: 'latest', sourceType: 'module', onToken });
  const removed = [];
  let at = 0;
  let template = 0;
  const lines = text.split('\n').map((line) => {
    while (template < templates.length && templates[template][1] < at) template++;
    const [start, end] = templates[template] ?? [at, at];
    const isWithin = start < at && at <= end;
    at += line.length + 1;
    const levels = isWithin ? 0 : Math.floor(line.search(/[^ ]|$/) / 4);
    removed.push(3 * levels);
    return ' '.repeat(levels) + line.slice(4 * levels);
  });
  return { text: lines.join('\n'), removed };
}

/** In the mappings of a line only the first has a column of its own; each of the others counts from the one before it. */
function moveMap(path, removed) {
  if (!existsSync(path)) return;
  const map = JSON.parse(readFileSync(path, 'utf8'));
  const lines = map.mappings.split(';').map((line, index) => {
    if (line === '' || !removed[index]) return line;
    const { value, length } = firstNumber(line);
    return numberText(Math.max(0, value - removed[index])) + line.slice(length);
  });
  writeFileSync(path, JSON.stringify({ ...map, mappings: lines.join(';') }));
}

/** The number, base 64 VLQ, with which a text begins. Columns are not negative. */
function firstNumber(text) {
  let value = 0;
  for (let length = 0; ; ) {
    const digit = DIGITS.indexOf(text[length]);
    value += (digit & 31) << (5 * length++);
    if ((digit & 32) === 0) return { value: value >> 1, length };
  }
}

function numberText(value) {
  let text = '';
  for (let left = value << 1; ; left >>= 5) {
    text += DIGITS[(left & 31) | (left > 31 ? 32 : 0)];
    if (left <= 31) return text;
  }
}
