import { excerptOfJson, readInputFile } from '../../base/input-file.ts';
import { IrqError } from '../../base/irq-error.ts';
import { type Path, pathName, SIGNALS, WAITINGS } from '../latency/latency-result.ts';
import type { ComparedRun } from './run-comparison.ts';

/** Limits of a file of results and of a path: about a hundred times the output of a day of measuring. */
const LIMIT_BYTES = 64 * 1024 * 1024;
const MOST_BLOCKS = 100_000;
const MOST_BOOTS = 100_000;
/** The longest accepted time, ns: a day. */
const LONGEST_NS = 86_400e9;

/** Reads a file with {@link readSavedRuns}. @throws IrqError `ERR_FILE`: not a regular file, or too large; `ERR_RESULT_FORMAT` */
export function readSavedRunsFile(path: string): ComparedRun {
  return readSavedRuns(readInputFile(path, 'saved results', LIMIT_BYTES).toString('utf8'), path);
}

/**
 * Reads the output of `irqloom latency --json` for a comparison: one result, or several, one a line, of runs that alternated with
 * runs of the other side. Their boots are merged into one run.
 * @param name - the file's name, for messages
 * @throws IrqError `ERR_RESULT_FORMAT`
 */
export function readSavedRuns(text: string, name: string): ComparedRun {
  let all: Joined | undefined;
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue;
    const run = runOf(parse(line, name, index + 1), name, index + 1);
    if (all === undefined) all = new Joined(run);
    else if (!all.add(run))
      throw refused(name, index + 1, 'its run does not have the same paths as the first');
  }
  if (all === undefined) throw refused(name, 1, 'the file is empty');
  return all;
}

/** Several runs of the same paths as one. The boot numbers of each run continue those of the previous run. */
class Joined implements ComparedRun {
  steady: boolean;
  readonly paths: (ComparedRun['paths'][number] & { readonly blocks: Block[] })[];
  readonly #boots: number[];

  constructor({ steady, paths }: ComparedRun) {
    this.steady = steady;
    this.paths = paths.map((path) => ({ ...path, blocks: [...path.blocks] }));
    this.#boots = paths.map(({ blocks }) => bootsOf(blocks));
  }

  /** Adds a run. @returns false, with nothing added, if its paths differ */
  add({ steady, paths }: ComparedRun): boolean {
    if (paths.length !== this.paths.length) return false;
    if (!this.paths.every((path, index) => isSamePath(path, paths[index]))) return false;
    this.steady &&= steady;
    for (const [index, { blocks }] of this.paths.entries()) {
      const before = this.#boots[index] ?? 0;
      const more = paths[index]?.blocks ?? [];
      for (const block of more) blocks.push({ ...block, boot: block.boot + before });
      this.#boots[index] = before + bootsOf(more);
    }
    return true;
  }
}

type Block = ComparedRun['paths'][number]['blocks'][number];

/** One past the highest boot number. */
function bootsOf(blocks: readonly Block[]): number {
  return 1 + blocks.reduce((most, { boot }) => Math.max(most, boot), -1);
}

function isSamePath(path: Path, other: Path | undefined): boolean {
  return other !== undefined && pathName(other) === pathName(path);
}

function parse(line: string, name: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw refused(name, number, error instanceof Error ? error.message : String(error));
  }
}

function runOf(value: unknown, name: string, line: number): ComparedRun {
  const result = value as Partial<Record<string, unknown>> | null;
  if (result?.command !== 'latency' || !Array.isArray(result.paths))
    throw refused(name, line, 'it is no output of "irqloom latency --json"');
  if (result.schemaVersion !== 1)
    throw refused(
      name,
      line,
      `its schemaVersion is ${excerptOfJson(result.schemaVersion ?? null)}, and this irqloom reads 1`,
    );
  const calibration = result.calibration as { steady?: unknown } | undefined;
  const paths = result.paths.map((path: unknown) => pathOf(path, name, line));
  const names = paths.map(pathName);
  const twice = names.find((each, i) => names.indexOf(each) !== i);
  if (twice !== undefined) throw refused(name, line, `the path "${twice}" stands in it twice`);
  return { steady: calibration?.steady === true, paths };
}

function pathOf(value: unknown, name: string, line: number): ComparedRun['paths'][number] {
  const path = value as {
    source?: unknown;
    dispatch?: unknown;
    waiting?: unknown;
    ratio?: { calibrationNs?: unknown };
    blocks?: unknown;
  } | null;
  const source = SIGNALS.find((one) => one === path?.source);
  const dispatch = (['inline', 'main'] as const).find((one) => one === path?.dispatch);
  const waiting = WAITINGS.find((one) => one === path?.waiting);
  const calibrationNs = path?.ratio?.calibrationNs;
  if (!source || !dispatch || !waiting || !isTime(calibrationNs) || !Array.isArray(path?.blocks))
    throw refused(name, line, 'one of its paths is damaged');
  if (path.blocks.length > MOST_BLOCKS)
    throw refused(name, line, `a path has ${path.blocks.length} blocks; it may have ${MOST_BLOCKS}`);
  const blocks = path.blocks.map((block: unknown) => {
    const { boot = 0, p50, p99 } = (block ?? {}) as { boot?: unknown; p50?: unknown; p99?: unknown };
    if (!isTime(p50) || !isTime(p99) || !isBoot(boot))
      throw refused(name, line, 'one of its blocks is damaged');
    return { boot, p50, p99 };
  });
  return { source, dispatch, waiting, calibrationNs, blocks };
}

function isBoot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MOST_BOOTS;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < LONGEST_NS;
}

function refused(name: string, line: number, why: string): IrqError {
  return new IrqError('ERR_RESULT_FORMAT', `${name}, line ${line}: ${why}`);
}
