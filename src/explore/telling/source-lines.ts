import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The folder of this package's compiled code; its modules may have been loaded before source maps were switched on. */
const COMPILED = fileURLToPath(new URL('../../..', import.meta.url));

const maps = new Map<string, SourceMap | undefined>();

/**
 * The source of a place in one of this package's compiled files. With source maps on, Node.js maps the
 * modules loaded from then on. With this function, a step has the same place in each thread, independent of
 * the time of loading.
 * @param place - `path:line:column`; returned unchanged for any other file.
 */
export function sourceLine(place: string): string {
  const [, file = '', line, column] = /^(.*\.js):(\d+):(\d+)$/.exec(place) ?? [];
  if (!file.startsWith(COMPILED)) return place;
  const entry = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry === undefined || !('originalSource' in entry)) return place;
  const source = fileURLToPath(new URL(entry.originalSource, `file://${file}`));
  return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

function mapOf(file: string): SourceMap | undefined {
  if (maps.has(file)) return maps.get(file);
  const path = `${file}.map`;
  const map = existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
  maps.set(file, map);
  return map;
}
