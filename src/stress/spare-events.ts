import type { DeviceId, EventId } from '../arch/intid.ts';
import type { Source } from '../guest/index.ts';
import type { Plan } from './stress-plan.ts';

/** A source before the change of its message: its event is still mapped. */
export type Retired = {
  readonly which: number;
  readonly source: Source;
  /** Deliveries of the source when nothing could come by this event any more. */
  readonly deliveries: number;
};

type Event = Pick<Source, 'deviceId' | 'eventId'>;

/**
 * Which events of the devices a source may get in place of its own. The driver's thread.
 *
 * A source leaves its event, and the driver unmaps the event later. The event stays with its source until the
 * driver has watched that no signal comes by the event any more: another source would count such a signal as its own.
 */
export class SpareEvents {
  readonly #eventBits: Plan['eventBits'];
  #retired: Retired[] = [];
  /** By event: the only source that may have the event again. */
  readonly #keptFor = new Map<string, number>();

  constructor({ eventBits }: Pick<Plan, 'eventBits'>) {
    this.#eventBits = eventBits;
  }

  /**
   * An EventID of a device that is not mapped, and that source `which` may have; or -1.
   * @param sources - all of them, as they are called now
   */
  find(which: number, deviceId: DeviceId, sources: readonly Source[]): number {
    const device = this.#eventBits.find((each) => each.deviceId === deviceId);
    const events = device ? 2 ** device.bits : 0;
    const mapped = new Set([...sources, ...this.#retired.map(({ source }) => source)].map(keyOf));
    for (let eventId: EventId = 0; eventId < events; eventId++) {
      const key = keyOf({ deviceId, eventId });
      if (!mapped.has(key) && (this.#keptFor.get(key) ?? which) === which) return eventId;
    }
    return -1;
  }

  /** Notes that a source has left its event. */
  retire(retired: Retired): void {
    this.#retired.push(retired);
    this.#keptFor.set(keyOf(retired.source), retired.which);
  }

  /** Lets any source have an event that was left. */
  release(event: Event): void {
    this.#keptFor.delete(keyOf(event));
  }

  /** Takes out those of the events left, and still mapped, that are to be unmapped now. */
  take(isDue: (retired: Retired) => boolean): Retired[] {
    if (this.#retired.length === 0) return [];
    const due = this.#retired.filter(isDue);
    if (due.length > 0) this.#retired = this.#retired.filter((each) => !due.includes(each));
    return due;
  }
}

function keyOf({ deviceId, eventId }: Event): string {
  return `${deviceId}:${eventId}`;
}
