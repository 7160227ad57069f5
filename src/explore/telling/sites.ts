import { withFirstStackFormat } from '../../base/thrown.ts';
import { inSource } from '../loading/places.ts';
import { sourceLine } from './source-lines.ts';

/** Finds the caller of the function that called `callee`. */
export type Capture<T> = (callee: (...args: never[]) => unknown) => T;
/** By operation, from number `from` on: its caller. */
export type Sites<T> = { readonly from: number; readonly capture: Capture<T>; readonly all: T[] };

/** The names of a place of this package in frames: the compiled file, or, with source maps, the source. */
function places(relative: string): string[] {
  const { href } = new URL(relative, import.meta.url);
  return [href, href.replace('/dist/src/', '/src/')];
}

const HERE = places('..');
/** The machine's one-line wrappers of Atomics: their caller is the useful site. */
const WORD = [...places('../../memory/word.'), ...places('../../memory/bare-wait.')];

/** Assertion libraries and test runners: the asserting line is the useful site. */
export const CHECKS =
  /[/\\]node_modules[/\\](?:vitest|chai|expect|@vitest|@jest|fast-check|sinon|should)[/\\]/;

/**
 * The frames of the user's code that called `callee`, innermost first, as `file:line:column`. Node.js maps them to the
 * source if source maps are on.
 */
export function framesAbove(callee: (...args: never[]) => unknown): string[] {
  return framesOf(stackAbove(callee));
}

/** The unprocessed stack above `callee`: the same each time that code comes to the same place. */
export function stackAbove(callee: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  return withFirstStackFormat(() => {
    Error.captureStackTrace(holder, callee);
    return holder.stack ?? '';
  });
}

/** The frames of the user's code in a stack, innermost first. */
export function framesOf(stack: string): string[] {
  const frames: string[] = [];
  for (const line of inSource(stack).split('\n').slice(1)) {
    // Node.js's own code.
    if (/^at (?:.*\()?node:/.test(line.trim())) continue;
    const place = /^at .*?\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(line.trim())?.[1];
    if (place === undefined) continue;
    const url = place.startsWith('file://') ? place : `file://${place}`;
    // The thread's stack ends at the scenario's own wrapper.
    if (isIn(url, HERE) && /\/scenario\.[jt]s:/.test(url)) break;
    if (isIn(url, HERE) || isIn(url, WORD) || CHECKS.test(url)) continue;
    frames.push(sourceLine(place.replace(/^file:\/\//, '')));
  }
  return frames;
}

function isIn(url: string, where: readonly string[]): boolean {
  return where.some((place) => url.startsWith(place));
}

/** Each line once, for all its columns, in the given order. */
export function distinctLines(sites: readonly string[]): string[] {
  const seen = new Set<string>();
  return sites.filter((site) => {
    const line = site.replace(/:\d+$/, '');
    if (seen.has(line)) return false;
    seen.add(line);
    return true;
  });
}

/** File and line of a site, without the path. */
export function shortPlace(site: string): string {
  const [, file = site, line = ''] = /([^/\\]+):(\d+):\d+$/.exec(site) ?? [];
  return line === '' ? file : `${file}:${line}`;
}

/** The place of a step and its callers, innermost first; empty if unknown. */
export type Placed = { readonly site: string; readonly callers: readonly string[] };

/** A thread's place at the end; the thread's step at that place gives the callers. */
export function placeOfEnd(
  thread: number,
  ends: readonly { readonly site?: string }[],
  steps: readonly (Placed & { readonly thread: number })[],
): Placed {
  const site = ends[thread]?.site ?? '';
  const step = steps.findLast((each) => each.thread === thread && each.site === site);
  return { site, callers: step?.callers ?? [] };
}

/** The line of a step and the line of its caller: most operations are in small functions with many callers. */
export function responsible({ site, callers }: Placed): string[] {
  return [site, ...callers.slice(0, 1)].filter((place) => place !== '');
}

/** As {@link responsible}, but the caller first: if locks are taken in the wrong order, the callers took them. */
export function callersFirst(step: Placed): string[] {
  return responsible(step).reverse();
}

/** The lines of some steps, each once. */
export function sitesOf(steps: readonly (Placed | undefined)[]): string[] {
  return distinctLines(steps.flatMap((step) => (step === undefined ? [] : responsible(step))));
}
