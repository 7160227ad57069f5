import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type MagicString from 'magic-string';
import { SourceMap } from 'magic-string';

/** Where a place of the code that runs stands in the files of the user. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };

/** Code that was made from files of the user, and how to find a place in them. */
type Loaded = { find(line: number, column: number): Place | undefined };

const loaded = new Map<string, Loaded>();

/**
 * What the names of loaded code start with in stacks: no file has such a name, and Node.js takes it for a URL, so that it
 * does not ask for the working directory in the middle of a search.
 */
const PREFIX = 'irqloom://';

const FRAME = /irqloom:\/\/([^()\n]*?):(\d+):(\d+)/g;

/**
 * Notes where places of rewritten code come from.
 * @param name - the file that it was made of, or the first of them.
 * @param text - the rewriting.
 * @param bundle - a map from what was rewritten to the files; undefined where that is the file itself.
 * @returns what the code has to be called for stacks.
 */
export function registerPlaces(name: string, text: MagicString, bundle?: BundleMap): string {
  let rewriting: TraceMap | undefined;
  loaded.set(name, {
    find(line, column) {
      rewriting ??= new TraceMap(text.generateMap({ hires: true }) as never);
      // What was put in stands before what it was put in for.
      const before = originalPositionFor(rewriting, { line, column: column - 1, bias: LEAST_UPPER_BOUND });
      if (before.line === null) return undefined;
      return bundle === undefined
        ? { file: name, line: before.line, column: before.column + 1 }
        : bundle.find(before.line, before.column + 1);
    },
  });
  return PREFIX + name;
}

/** The source map that the bundler made. */
export class BundleMap {
  readonly #map: TraceMap;

  /** @param folder - what the names of the files in the map are relative to. */
  constructor(json: string, folder: string) {
    this.#map = new TraceMap(json, `${folder}/`);
  }

  find(line: number, column: number): Place | undefined {
    const found = originalPositionFor(this.#map, { line, column: column - 1 });
    if (found.source === null) return undefined;
    return { file: found.source, line: found.line, column: found.column + 1 };
  }
}

/** A stack with the places of rewritten code as places in the files of the user. */
export function inSource(stack: string): string {
  if (!stack.includes(PREFIX)) return stack;
  return stack.replace(FRAME, (all, name: string, line: string, column: string) => {
    const place = loaded.get(name)?.find(Number(line), Number(column));
    return place === undefined ? all.slice(PREFIX.length) : `${place.file}:${place.line}:${place.column}`;
  });
}

/** A source map of a rewriting for other tools. What was put in somewhere belongs to what follows it there. */
export function sourceMapOf(text: MagicString, source: string): SourceMap {
  const map = text.generateDecodedMap({ hires: true, source, includeContent: true });
  map.mappings = map.mappings.map((line) =>
    line.flatMap((segment, i) => {
      const from = i === 0 ? 0 : (line[i - 1]?.[0] ?? 0) + 1;
      if (segment[0] === from || segment.length < 4) return [segment];
      const [, file = 0, row = 0, column = 0] = segment;
      return [[from, file, row, column], segment];
    }),
  );
  return new SourceMap(map);
}
