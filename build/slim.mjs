// Makes the JavaScript in dist smaller: comments go, because the declarations beside have them, empty lines go, and a level of
// indentation is one space. The package is a quarter smaller for it. Source maps move with the lines and columns, so stacks stay right;
// the explorer finds the map of a file by its name, so the comment that names the map goes too: the package has no maps. A comment with
// code behind it on its line stays, as the hints for bundlers and the columns of that code do; so do the first line of a command and
// every line that begins within a template.
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping';
import { parse } from 'acorn';
import { SourceMap } from 'magic-string';
import { globSync } from 'tinyglobby';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const stamp = `${dist}.slim`;
const last = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
const now = new Date();
/** What is done is older than the stamp, and is not done again. */
const done = new Date(now.getTime() - 1000);

for (const file of globSync('{src,workers}/**/*.js', { cwd: dist, absolute: true })) {
  if (statSync(file).mtimeMs < last) continue;
  const { text, removed } = withLessSpace(withoutComments(readFileSync(file, 'utf8')));
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
  for (const { start, end } of comments) {
    const [rest] = text.slice(end).split('\n', 1);
    if (start === 0 || rest.trim() !== '') continue;
    const code = text.slice(from, start).trimEnd();
    bare += code + text.slice(from + code.length, end).replace(/[^\n]/g, '');
    from = end;
  }
  return bare + text.slice(from);
}

/** The text, and how many characters each of its old lines has lost at its beginning; undefined for a line that is gone. */
function withLessSpace(text) {
  const templates = [];
  const onToken = ({ type, start, end }) => {
    if (type.label === 'template') templates.push([start, end]);
  };
  parse(text, { ecmaVersion: 'latest', sourceType: 'module', onToken });
  const removed = [];
  const lines = [];
  let at = 0;
  let template = 0;
  for (const line of text.split('\n')) {
    while (template < templates.length && templates[template][1] < at) template++;
    const [start, end] = templates[template] ?? [at, at];
    const isWithin = start < at && at <= end;
    at += line.length + 1;
    if (!isWithin && line.trim() === '') {
      removed.push(undefined);
      continue;
    }
    const levels = isWithin ? 0 : Math.floor(line.search(/[^ ]|$/) / 4);
    removed.push(3 * levels);
    lines.push(' '.repeat(levels) + line.slice(4 * levels));
  }
  return { text: `${lines.join('\n')}\n`, removed };
}

function moveMap(path, removed) {
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  const mappings = decodedMappings(new TraceMap(text)).flatMap((line, index) => {
    const lost = removed[index];
    if (lost === undefined) return [];
    return [line.map(([column, ...source]) => [Math.max(0, column - lost), ...source])];
  });
  writeFileSync(path, new SourceMap({ ...JSON.parse(text), mappings }).toString());
}
