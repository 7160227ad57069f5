import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type MagicString from 'magic-string';
import { SourceMap } from 'magic-string';

/** The place in the user's files of a place in the running code. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };

/** Code made from the user's files, and the mapping of its places. */
type Loaded = { find(line: number, column: number): Place | undefined };

const loaded = new Map<string, Loaded>();

/**
 * The prefix of loaded code's names in stacks. No file has such a name; and Node.js takes the name for a URL,
 * so Node.js does not read the working directory in the middle of a search.
 */
const PREFIX = 'irqloom://';

const FRAME = /irqloom:\/\/([^()\n]*?):(\d+):(\d+)/g;

/**
 * Records the origin of places in rewritten code.
 * @param name - the source file, or the first of them.
 * @param text - the rewriting.
 * @param bundle - a map from the rewritten text to the files; undefined if the text is the file itself.
 * @returns the name that the code must have in stacks.
 */
export function registerPlaces(name: string, text: MagicString, bundle?: BundleMap): string {
  let rewriting: TraceMap | undefined;
  loaded.set(name, {
    find(line, column) {
      rewriting ??= new TraceMap(text.generateMap({ hires: true }) as never);
      // Inserted text comes before the text that needs the insertion.
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

  /** @param folder - the base of the relative file names in the map. */
  constructor(json: string, folder: string) {
    this.#map = new TraceMap(json, `${folder}/`);
  }

  find(line: number, column: number): Place | undefined {
    const found = originalPositionFor(this.#map, { line, column: column - 1 });
    if (found.source === null) return undefined;
    return { file: found.source, line: found.line, column: found.column + 1 };
  }
}

/** Replaces places of rewritten code in a stack by places in the user's files. */
export function inSource(stack: string): string {
  if (!stack.includes(PREFIX)) return stack;
  return stack.replace(FRAME, (all, name: string, line: string, column: string) => {
    const place = loaded.get(name)?.find(Number(line), Number(column));
    return place === undefined ? all.slice(PREFIX.length) : `${place.file}:${place.line}:${place.column}`;
  });
}

/** A source map of a rewriting for other tools. Inserted text belongs to the text that follows. */
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
