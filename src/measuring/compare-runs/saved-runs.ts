import { excerptOfJson, readInputFile } from '../../base/input-file.ts';
import { IrqError } from '../../base/irq-error.ts';
import { pathName, SIGNALS, WAITINGS } from '../latency/latency-result.ts';
import type { ComparedRun } from './run-comparison.ts';

/** A file of results may have so many bytes, and a path so many blocks: a hundred times what a day of measuring gives. */
const LIMIT_BYTES = 64 * 1024 * 1024;
const MOST_BLOCKS = 100_000;
const MOST_BOOTS = 100_000;
/** A time may be a day long, ns. */
const LONGEST_NS = 86_400e9;

/** {@link readSavedRuns} of a file. @throws IrqError `ERR_FILE`: no regular file, or too large; `ERR_RESULT_FORMAT` */
export function readSavedRunsFile(path: string): ComparedRun {
  return readSavedRuns(readInputFile(path, 'saved results', LIMIT_BYTES).toString('utf8'), path);
}

/**
 * What a comparison needs, out of the text that `irqloom latency --json` printed: one result, or several, a line each,
 * of runs taken in turn with those of the other side. Their boots are taken together.
 * @param name - of the file, for messages
 * @throws IrqError `ERR_RESULT_FORMAT`
 */
export function readSavedRuns(text: string, name: string): ComparedRun {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0) throw refused(name, 1, 'the file is empty');
  return lines
    .map((line, index) => runOf(parse(line, name, index + 1), name, index + 1))
    .reduce((all, run) => ({
      steady: all.steady && run.steady,
      paths: all.paths.map((path, index) => {
        const more = run.paths[index];
        if (
          !more ||
          more.source !== path.source ||
          more.dispatch !== path.dispatch ||
          more.waiting !== path.waiting
        )
          throw refused(name, 1, 'its runs are not of the same paths');
        const boots = 1 + path.blocks.reduce((most, { boot }) => Math.max(most, boot), -1);
        return {
          ...path,
          blocks: [...path.blocks, ...more.blocks.map((block) => ({ ...block, boot: block.boot + boots }))],
        };
      }),
    }));
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
    throw refused(name, line, 'it is not what "irqloom latency --json" prints');
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
