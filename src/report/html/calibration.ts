import type { ClockFigures } from '../../measure/clock.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';
import { drift } from '../calibration-text.ts';
import { time } from '../units.ts';
import { tableCard } from './figure.ts';
import type { Tile } from './page.ts';

/** The machine's own speed, as tiles. */
export function calibrationTiles(clock: ClockFigures, { spinNs, parkNs }: CalibrationFigures): Tile[] {
  return [
    { name: 'Two threads spin', value: time(spinNs.p50), more: 'there and back' },
    { name: 'Two threads park', value: time(parkNs.p50), more: 'there and back' },
    {
      name: 'Clock',
      value: time(clock.costNs),
      more: `a reading; finest step ${time(clock.resolutionNs)}`,
    },
  ];
}

/** The whole calibration, as a table. */
export function calibrationCard(clock: ClockFigures, calibration: CalibrationFigures): string {
  const { spinNs, parkNs, eventCountNs, waitAsyncNs, postMessageNs, comlinkNs, moved } = calibration;
  return tableCard(
    'calibration',
    'The limits of this machine',
    `Round trips between two threads, measured before and after in this run. The clock costs ${time(clock.costNs)} a reading.`,
    {
      head: ['round trip', 'p50', 'p99', 'after against before'],
      rows: [
        ['both threads spin', time(spinNs.p50), time(spinNs.p99), drift(moved.spin)],
        ['both park, on a bare wait and notify', time(parkNs.p50), time(parkNs.p99), drift(moved.park)],
        [
          'both park, on an event count',
          time(eventCountNs.p50),
          time(eventCountNs.p99),
          drift(moved.eventCount),
        ],
        ['the main thread in waitAsync, the other parks', time(waitAsyncNs), '–', drift(moved.waitAsync)],
        ['postMessage and its echo', time(postMessageNs), '–', drift(moved.postMessage)],
        ['a call through comlink', time(comlinkNs), '–', drift(moved.comlink)],
      ],
    },
  );
}
