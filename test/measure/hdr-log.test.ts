import { build, HistogramLogReader, HistogramLogWriter } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { LATENCY } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { formatLog, type LogInterval, parseLog } from '../../src/measure/hdr-log.ts';

const of = (...values: number[]) => {
  const distribution = new Distribution(LATENCY);
  for (const value of values) distribution.record(value);
  return distribution;
};

const intervals: LogInterval[] = [
  { startSeconds: 0, lengthSeconds: 1, distribution: of(1500, 2500, 53_000_000) },
  { startSeconds: 1, lengthSeconds: 1.25, tag: 'eventfd.main', distribution: of(900) },
  { startSeconds: 2.25, lengthSeconds: 1, tag: 'sgi', distribution: of() },
];
const log = { epochSeconds: 1_700_000_000.125, intervals };
const plain = (interval: LogInterval) => ({ ...interval, distribution: [...interval.distribution.bars()] });

test('a log comes back', () => {
  const back = parseLog(formatLog(log, ['irqloom latency']));
  expect(back.epochSeconds).toBe(log.epochSeconds);
  expect(back.intervals.map(plain)).toEqual(intervals.map(plain));
});

test('the log has the lines that the format asks for', () => {
  const lines = formatLog(log, ['irqloom latency']).split('\n');
  expect(lines.slice(0, 5)).toEqual([
    '#irqloom latency',
    '#[Histogram log format version 1.3]',
    '#[StartTime: 1700000000.125 (seconds since epoch), 2023-11-14T22:13:20.125Z]',
    '#[BaseTime: 1700000000.125 (seconds since epoch)]',
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
  ]);
  expect(lines[5]).toMatch(/^0\.000,1\.000,53\.\d{3},HISTF/);
  expect(lines[6]).toMatch(/^Tag=eventfd\.main,1\.000,1\.250,0\.001,HISTF/);
  expect(lines.at(-1)).toBe('');
});

test('hdr-histogram-js reads our log', () => {
  const reader = new HistogramLogReader(formatLog(log), 64);
  for (const { startSeconds, lengthSeconds, tag, distribution } of intervals) {
    const read = reader.nextIntervalHistogram();
    expect(read?.totalCount).toBe(distribution.total);
    expect(read?.tag).toBe(tag ?? 'NO TAG');
    expect(read?.startTimeStampMsec).toBeCloseTo((log.epochSeconds + startSeconds) * 1000, 0);
    expect((read?.endTimeStampMsec ?? 0) - (read?.startTimeStampMsec ?? 0)).toBeCloseTo(
      lengthSeconds * 1000,
      0,
    );
    if (distribution.total > 0) expect(read?.maxValue).toBe(distribution.max);
  }
  expect(reader.nextIntervalHistogram()).toBeNull();
});

test('we read the log of hdr-histogram-js, with stamps from the start or from 1970', () => {
  for (const from of [0, 1_700_000_000]) {
    let text = '';
    const writer = new HistogramLogWriter((part) => {
      text += part;
    });
    const histogram = build({ bitBucketSize: 64 });
    histogram.recordValue(1500);
    histogram.tag = 'theirs';
    writer.outputLogFormatVersion();
    writer.outputStartTime(1_700_000_000_000);
    writer.outputLegend();
    writer.outputIntervalHistogram(histogram, from + 3, from + 5);
    const { epochSeconds, intervals: read } = parseLog(text);
    expect(epochSeconds).toBe(1_700_000_000);
    expect(read).toHaveLength(1);
    expect(read[0]).toMatchObject({ startSeconds: 3, lengthSeconds: 2, tag: 'theirs' });
    expect(read[0]?.distribution.total).toBe(1);
  }
});

test.each([
  ['0.000,1.000,nonsense', /line 2 .* is not/],
  ['0.000,1.000,2.000,HISTFAAAA', /line 2 .*not an encoded histogram/],
  ['Tag=x,0.000,-1.000,2.000,HISTFAAAA', /line 2/],
])('a wrong line is named: %s', (line, message) => {
  expect(() => parseLog(`#[Histogram log format version 1.3]\n${line}\n`)).toThrow(message);
  expect(() => parseLog(`#x\n${line}\n`)).toThrow(expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }));
});

test('a tag that would break its line is refused', () => {
  expect(() =>
    formatLog({
      epochSeconds: 0,
      intervals: [{ startSeconds: 0, lengthSeconds: 1, tag: 'a,b', distribution: of() }],
    }),
  ).toThrow(/no commas/);
});
