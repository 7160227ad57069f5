import type { DeviceId, Pin } from '../arch/intid.ts';
import type { Readers } from '../memory/readers.ts';
import { beginRead, beginWrite, changedSince, endWrite } from '../memory/sequence.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Gsi } from './gsi.ts';
import { FORGOTTEN, type Irqchip, KVM_USERSPACE_IRQ_SOURCE_ID, REFUSED } from './irqchip.ts';
import {
  addressOf,
  ROUTE_ADDRESS_HIGH,
  ROUTE_ADDRESS_LOW,
  ROUTE_DATA,
  ROUTE_DEVICE,
  ROUTE_FLAGS,
  ROUTE_IRQCHIP,
  ROUTE_MSI,
  ROUTE_NONE,
  ROUTE_TYPE,
} from './route.ts';
import type { RoutingTable } from './routing-table.ts';

/**
 * The words of an irqfd's copy of its route, from the start of the copy. KIND is the route's type and, above
 * {@link TARGET_SHIFT}, the target of an MSI's address (`Irqchip.targetOf`): the fast path looks up no address. DATA is
 * the data of an MSI, or a pin.
 */
export const CACHED_WORDS = 3;
export const CACHED_KIND = 0;
export const CACHED_DATA = 1;
export const CACHED_DEVICE = 2;

const TYPE = 0xff;
const TARGET_SHIFT = 8;

/** Writes a copy of a route. The caller guards the copy against readers. */
export function putCached(
  words: Words,
  at: number,
  type: number,
  data: number,
  device = 0,
  target = 0,
): void {
  store(words, at + CACHED_KIND, type | (target << TARGET_SHIFT));
  store(words, at + CACHED_DATA, data);
  store(words, at + CACHED_DEVICE, device);
}

export type InjectorParts<Chip extends Irqchip = Irqchip> = {
  readonly irqchip: Chip;
  readonly routing: RoutingTable;
  readonly readers: Readers;
};

/**
 * From a signal to the irqchip's pin or MSI: KVM's generic half of an injection, for every irqchip. This is the
 * kernel's half of the `merged` design; designs that inject otherwise are its subclasses. One injector a thread,
 * because each is one reader of the shared tables.
 * @see irqchip.c
 */
export class Injector {
  protected readonly words: Words;
  protected readonly irqchip: Irqchip;
  readonly #routing: RoutingTable;
  readonly #readers: Readers;
  readonly #reader: number;

  /** @param reader - the number of the calling thread among the machine's threads */
  constructor(words: Words, parts: InjectorParts, reader: number) {
    this.words = words;
    this.irqchip = parts.irqchip;
    this.#routing = parts.routing;
    this.#readers = parts.readers;
    this.#reader = reader;
  }

  /**
   * KVM's fast path: injects by the copy of a route at `at`, guarded by the sequence count at `sequence`, without a
   * lock. False where that would block: the route is being written, an MSI's translation is not cached, the pin takes a
   * lock, or the GSI has no single route. Call inside a reader section.
   * @see kvm_arch_set_irq_inatomic
   */
  injectWithoutLock(at: number, sequence: number): boolean {
    const { words } = this;
    const seen = beginRead(words, sequence);
    const kind = load(words, at + CACHED_KIND);
    const data = load(words, at + CACHED_DATA);
    if ((kind & TYPE) === ROUTE_MSI) {
      const device = load(words, at + CACHED_DEVICE);
      // guard: torn-message-is-refused
      if (changedSince(words, sequence, seen)) return false;
      return this.irqchip.latchCached(kind >>> TARGET_SHIFT, device, data);
    }
    // guard: torn-pin-is-refused
    if (kind !== ROUTE_IRQCHIP || changedSince(words, sequence, seen)) return false;
    return this.irqchip.raiseWithoutLock(data);
  }

  /**
   * Lets the irqchip remember at `at` where the MSI ends whose route has a copy at `route`. The caller holds
   * irqfds.lock, so that the route stays, and is outside every reader section.
   */
  remember(at: number, route: number): void {
    const { words } = this;
    const kind = load(words, route + CACHED_KIND);
    if ((kind & TYPE) !== ROUTE_MSI) return;
    const data = load(words, route + CACHED_DATA);
    this.irqchip.remember(at, kind >>> TARGET_SHIFT, load(words, route + CACHED_DEVICE), data);
  }

  /** Forgets the LPI at `at`, because of a change that the irqchip does not see. With irqfds.lock held. */
  forget(at: number): void {
    store(this.words, at, FORGOTTEN);
  }

  /**
   * Gives an irqfd's fast path a copy of the only route of its GSI, or of none: writes the copy at `to` under the
   * sequence count at `sequence`. The caller holds irqfds.lock and is outside every reader section.
   * @param _device - the DeviceID of the KVM_IRQFD call, -1 for none: for the design that passes one
   * @see irqfd_update
   */
  cacheRoute(to: number, sequence: number, gsi: Gsi, _device: DeviceId): void {
    this.#readers.enter(this.#reader);
    const route = this.#routing.find(gsi);
    // guard: copy-has-sequence
    beginWrite(this.words, sequence);
    if (route < 0) putCached(this.words, to, ROUTE_NONE, 0);
    else this.copyRoute(to, route);
    endWrite(this.words, sequence);
    this.#readers.leave(this.#reader);
  }

  /** Copies the fast path's words from the table's entry at `from`. Call within a write of the sequence count. */
  protected copyRoute(to: number, from: number): void {
    const { words } = this;
    const type = load(words, from + ROUTE_TYPE);
    const address = addressOf(load(words, from + ROUTE_ADDRESS_LOW), load(words, from + ROUTE_ADDRESS_HIGH));
    const target = type === ROUTE_MSI ? this.irqchip.targetOf(address) : 0;
    // guard: message-names-device
    putCached(words, to, type, load(words, from + ROUTE_DATA), load(words, from + ROUTE_DEVICE), target);
  }

  /** The slow path of an irqfd for `gsi`: {@link setIrq}. `_route` is where the irqfd's copy of its route lies. */
  inject(gsi: Gsi, _route: number, level: boolean, source?: number): number {
    return this.setIrq(gsi, level, source);
  }

  /** The GSI that is resampled when a pin ends, or -1. Call inside a reader section. */
  gsiOfPin(pin: Pin): Gsi {
    return this.#routing.gsiOfPin(pin);
  }

  /**
   * kvm_set_irq(): injects by the table in force. May wait for a lock of the irqchip: not inside a reader section.
   * @param source - the source that drives the line, see `Irqchip.drive`
   * @returns -1 where no route names the GSI or the irqchip refused, else the irqchip's answer: 0 coalesced, or blocked
   * by the guest
   */
  setIrq(gsi: Gsi, level: boolean, source: number = KVM_USERSPACE_IRQ_SOURCE_ID): number {
    this.#readers.enter(this.#reader);
    const at = this.#routing.find(gsi);
    // KVM copies the entries to its stack. So do we: the injection follows the section, and may wait.
    const type = at < 0 ? 0 : load(this.words, at + ROUTE_TYPE);
    const flags = at < 0 ? 0 : load(this.words, at + ROUTE_FLAGS);
    const low = at < 0 ? 0 : load(this.words, at + ROUTE_ADDRESS_LOW);
    const high = at < 0 ? 0 : load(this.words, at + ROUTE_ADDRESS_HIGH);
    const data = at < 0 ? 0 : load(this.words, at + ROUTE_DATA);
    const device = at < 0 ? 0 : load(this.words, at + ROUTE_DEVICE);
    this.#readers.leave(this.#reader);
    if (type === ROUTE_IRQCHIP) return this.irqchip.drive(data, level, source);
    if (type !== ROUTE_MSI || !level) return REFUSED;
    const sent = this.sendMsi(addressOf(low, high), data, flags, device);
    return sent < 0 ? REFUSED : sent;
  }

  /** Sends an MSI past the routing table: `Irqchip.sendMsi`. */
  sendMsi(address: number, data: number, flags: number, deviceId: DeviceId): number {
    return this.irqchip.sendMsi(address, data, flags, deviceId);
  }
}
