import { IrqError } from '../base/irq-error.ts';
import type { Distribution } from './distribution.ts';
import { decodeHistogram, encodeHistogram } from './hdr-format.ts';

/** One line of a histogram log: the values recorded in one interval. */
export type LogInterval = {
  /** The start of the interval, in seconds after the log's start. */
  readonly startSeconds: number;
  readonly lengthSeconds: number;
  /** Tells several series in one log apart. No commas, spaces or line ends. */
  readonly tag?: string;
  readonly distribution: Distribution;
};

export type HistogramLog = {
  /** The start of the log, in seconds since 1970. */
  readonly epochSeconds: number;
  readonly intervals: readonly LogInterval[];
};

/** The divisor of the column Interval_Max: ns are logged as ms, as HdrHistogram's tools expect. */
const MAX_UNIT = 1e6;

const LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"';

/** The log as text, in HdrHistogram's log format 1.3. `comments` go to its head, a line each. */
export function formatLog(log: HistogramLog, comments: readonly string[] = []): string {
  const { epochSeconds, intervals } = log;
  const lines = [
    ...comments.map((comment) => `#${comment}`),
    '#[Histogram log format version 1.3]',
    `#[StartTime: ${epochSeconds.toFixed(3)} (seconds since epoch), ${new Date(epochSeconds * 1000).toISOString()}]`,
    `#[BaseTime: ${epochSeconds.toFixed(3)} (seconds since epoch)]`,
    LEGEND,
    ...intervals.map(formatInterval),
  ];
  return `${lines.join('\n')}\n`;
}

function formatInterval({ startSeconds, lengthSeconds, tag, distribution }: LogInterval): string {
  if (tag !== undefined && !/^[^\s,]+$/.test(tag)) {
    throw new IrqError('ERR_CONFIG', `a tag in a histogram log has no commas and no spaces: '${tag}'`);
  }
  const max = distribution.total === 0 ? 0 : distribution.max;
  const numbers = [startSeconds, lengthSeconds, max / MAX_UNIT].map((number) => number.toFixed(3));
  const columns = [...numbers, encodeHistogram(distribution)].join(',');
  return tag === undefined ? columns : `Tag=${tag},${columns}`;
}

/**
 * Parses a log, also another tool's if its lowest value is 1.
 * @throws IrqError `ERR_RESULT_FORMAT` with the wrong line.
 */
export function parseLog(text: string): HistogramLog {
  let epochSeconds = 0;
  let baseSeconds: number | undefined;
  const intervals: LogInterval[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const start = /^#\[(StartTime|BaseTime): ([\d.]+) /.exec(line);
    if (start?.[1] === 'StartTime') epochSeconds = Number(start[2]);
    else if (start) baseSeconds = Number(start[2]);
    if (line.trim() === '' || line.startsWith('#') || line.startsWith('"StartTimestamp"')) continue;
    intervals.push(
      parseInterval(line, index + 1, (seconds) => seconds - offset(seconds, epochSeconds, baseSeconds)),
    );
  }
  return { epochSeconds, intervals };
}

const YEAR = 365 * 24 * 3600;

/**
 * The offset that turns a time stamp into seconds from the log's start. Stamps count from the base time. Without a base
 * time, they count from the log's start if they are more than a year before it, and else from 1970.
 */
function offset(seconds: number, epochSeconds: number, baseSeconds: number | undefined): number {
  if (baseSeconds !== undefined) return epochSeconds - baseSeconds;
  return seconds < epochSeconds - YEAR ? 0 : epochSeconds;
}

function parseInterval(line: string, number: number, fromStart: (seconds: number) => number): LogInterval {
  const [, tag, start, length, encoded] =
    /^(?:Tag=([^,]*),)?(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),[\d.]+,([A-Za-z0-9+/=]+)\s*$/.exec(line) ?? [];
  if (start === undefined || length === undefined || encoded === undefined) {
    throw new IrqError(
      'ERR_RESULT_FORMAT',
      `line ${number} of the histogram log is not '[Tag=name,]start,length,max,histogram'`,
    );
  }
  try {
    const distribution = decodeHistogram(encoded);
    const times = { startSeconds: fromStart(Number(start)), lengthSeconds: Number(length) };
    return tag === undefined ? { ...times, distribution } : { ...times, tag, distribution };
  } catch (error) {
    if (!(error instanceof IrqError)) throw error;
    throw new IrqError(error.code, `line ${number} of the histogram log: ${error.message}`, { cause: error });
  }
}
