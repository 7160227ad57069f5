import { expect, test } from 'vitest';
import type { Source } from '../../src/guest/source.ts';
import { SpareEvents } from '../../src/stress/spare-events.ts';

const source = (deviceId: number, eventId: number): Source => ({
  kind: 'msi',
  device: 0,
  fd: 0,
  resamplefd: -1,
  gsi: 0,
  deviceId,
  eventId,
  intid: 8192 + eventId,
  vcpu: 0,
});

const eventBits = [
  { deviceId: 8, bits: 2 },
  { deviceId: 16, bits: 1 },
];

test('a device has the events of its table, less the mapped ones', () => {
  const events = new SpareEvents({ eventBits });
  expect(events.find(0, 8, [source(8, 0), source(8, 2), source(16, 1)])).toBe(1);
  expect(events.find(0, 16, [source(8, 0), source(16, 1)])).toBe(0);
  expect(events.find(0, 16, [source(16, 0), source(16, 1)])).toBe(-1);
  expect(events.find(0, 24, [])).toBe(-1);
});

test('an event that its source has left is mapped until the driver unmaps the event, and then returns to that source alone', () => {
  const events = new SpareEvents({ eventBits });
  const now = [source(16, 1)];
  events.retire({ which: 3, source: source(16, 0), deliveries: 7 });
  expect(events.find(3, 16, now)).toBe(-1);
  expect(events.take(({ deliveries }) => deliveries > 7)).toEqual([]);
  expect(events.take(({ deliveries }) => deliveries === 7)).toMatchObject([{ which: 3 }]);
  expect(events.take(() => true)).toEqual([]);
  expect(events.find(3, 16, now)).toBe(0);
  expect(events.find(4, 16, now)).toBe(-1);
  events.release(source(16, 0));
  expect(events.find(4, 16, now)).toBe(0);
});
