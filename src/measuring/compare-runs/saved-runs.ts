import { IrqError } from '../../base/irq-error.ts';
import { SIGNALS, WAITINGS } from '../latency/latency-result.ts';
import type { ComparedRun } from './run-comparison.ts';

/**
 * What a comparison needs, out of the text that `irqloom latency --json` printed: one result, or several, a line each,
 * of runs taken in turn with those of the other side. Their boots are taken together.
 * @param name - of the file, for messages
 * @throws IrqError `ERR_RESULT_FORMAT`
 */
export function readSavedRuns(text: string, name: string): ComparedRun {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
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
        const boots = 1 + Math.max(...path.blocks.map(({ boot }) => boot));
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
      `its schema is version ${String(result.schemaVersion)}, and this irqloom reads version 1`,
    );
  const calibration = result.calibration as { steady?: unknown } | undefined;
  return {
    steady: calibration?.steady === true,
    paths: result.paths.map((path: unknown) => pathOf(path, name, line)),
  };
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
  const blocks = path.blocks.map((block: unknown) => {
    const { boot = 0, p50, p99 } = (block ?? {}) as { boot?: unknown; p50?: unknown; p99?: unknown };
    if (!isTime(p50) || !isTime(p99) || !Number.isSafeInteger(boot))
      throw refused(name, line, 'one of its blocks is damaged');
    return { boot: boot as number, p50, p99 };
  });
  return { source, dispatch, waiting, calibrationNs, blocks };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function refused(name: string, line: number, why: string): IrqError {
  return new IrqError('ERR_RESULT_FORMAT', `${name}, line ${line}: ${why}`);
}
