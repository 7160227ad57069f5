import type { DeviceId, EventId } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { IrqError } from '../base/irq-error.ts';
import type { MachineEvent } from '../threads/user/contract.ts';
import type { HarnessViews } from './plan.ts';

/** Commands that change no event's way. */
const HARMLESS: ReadonlySet<ItsCommand['name']> = new Set(['SYNC', 'INV', 'INVALL']);

/**
 * Says which events the proof may judge. The proof knows the events as they were at boot, and the signals of the devices;
 * so the machine's calls tell the judge of every event that the caller moves or signals. The main thread.
 */
export class Judge {
  /** Numbers of the events whose way the caller has changed: the proof does not judge them. */
  readonly moved = new Set<number>();
  /** Events that the caller has signalled beside their devices: the proof finds a loss, and takes no delivery for one too many. */
  readonly #signalled = new Set<number>();
  readonly #events: readonly MachineEvent[];
  readonly #views: HarnessViews;

  constructor(events: readonly MachineEvent[], views: HarnessViews) {
    this.#events = events;
    this.#views = views;
  }

  /** The caller has changed the way of some events. */
  moves(which: (event: MachineEvent) => boolean): void {
    for (const [index, event] of this.#events.entries()) if (which(event)) this.moved.add(index);
  }

  /** The caller has signalled an event beside its device. */
  signals(which: (event: MachineEvent) => boolean): void {
    for (const [index, event] of this.#events.entries()) if (which(event)) this.#signalled.add(index);
  }

  /** The caller has sent a command to the ITS. */
  commands(command: ItsCommand): void {
    if (HARMLESS.has(command.name)) return;
    const { deviceId, eventId } = command as { readonly deviceId?: DeviceId; readonly eventId?: EventId };
    this.moves(
      (event) =>
        (deviceId === undefined || event.deviceId === deviceId) &&
        (eventId === undefined || event.event === eventId),
    );
  }

  /** The error for the first delivery that no signal precedes, or that came to the wrong vCPU; undefined where there is none. */
  get breach(): IrqError | undefined {
    const { proof } = this.#views;
    if (proof.count('misrouted') === 0 && proof.count('spurious') === 0) return undefined;
    const first = proof
      .violations()
      .find(({ source }) => !this.moved.has(source) && !this.#signalled.has(source));
    if (!first) return undefined;
    const { device, event, vcpu } = this.#events[first.source] ?? { device: -1, event: -1, vcpu: -1 };
    const why =
      first.kind === 'misrouted' ? `the event is mapped to vcpu${vcpu}` : 'no signal led to this delivery';
    return new IrqError(
      'ERR_DELIVERY',
      `event ${event} of device${device} was delivered to vcpu${first.vcpu} as INTID ${first.intid}: ${why}`,
    );
  }
}
