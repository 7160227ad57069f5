import type { DeviceId, EventId, Intid } from '../../arch/intid.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
import { EDGE_SOURCE, MESSAGES } from './program.ts';

/** A name that a message source may have: its event, and the LPIs that the event has in turn. */
export type Pair = {
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpis: readonly [Intid, Intid];
};

const FIRST_LPI: Intid = 8192;

/** Two pairs of each message source. They share neither the device nor the event, so that a torn pair is another one. */
export const PAIRS: readonly (readonly [Pair, Pair])[] = Array.from({ length: MESSAGES }, (_, source) => {
  const pair = (which: number): Pair => {
    const lpi = FIRST_LPI + 4 * source + 2 * which;
    return { deviceId: 1 + which, eventId: 1 + 2 * source + which, lpis: [lpi, lpi + 1] };
  };
  return [pair(0), pair(1)];
});

/** Events that a reader of half an old route and half a new one would signal: mapped, and nobody's. */
export const TRAPS: readonly {
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpi: Intid;
}[] = PAIRS.flatMap(([one, other], source) => [
  { deviceId: one.deviceId, eventId: other.eventId, lpi: FIRST_LPI + 4 * MESSAGES + 2 * source },
  { deviceId: other.deviceId, eventId: one.eventId, lpi: FIRST_LPI + 4 * MESSAGES + 2 * source + 1 },
]);

const FIRST_SPI: Intid = 32;

/** INTIDs with a count of their own. */
export const INTIDS: readonly Intid[] = [
  ...PAIRS.flatMap((pairs) => pairs.flatMap(({ lpis }) => lpis)),
  ...TRAPS.map(({ lpi }) => lpi),
  FIRST_SPI,
  FIRST_SPI + 1,
];

/** The source that an INTID belongs to, or -1. */
export function sourceOf(intid: Intid): number {
  if (intid < FIRST_LPI) return EDGE_SOURCE + intid - FIRST_SPI;
  const place = (intid - FIRST_LPI) >> 2;
  return place < MESSAGES ? place : -1;
}

export const spiOf = (source: number): Intid => FIRST_SPI + source - EDGE_SOURCE;
export const gsiOf = (source: number): Gsi => source;
/** In words of a bitmap apart, so that a search through the eventfds meets words that are empty. */
export const fdOf = (source: number): Fd => 1 + 33 * source;
export const RESAMPLE_FD: Fd = 2;
export const EVENTFDS = 128;
