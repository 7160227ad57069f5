import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { EDGE, isPending } from '../../gic/state.ts';
import { type Item, type ItemFields, makeItem } from './replay-items.ts';
import { type Key, keyOf } from './touches.ts';

/** An INT command that makes an interrupt pending where the recording has it. */
export type Raise = {
  readonly command: Item;
  /** The write of GITS_CWRITER that submits it. */
  readonly write: Item;
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
};

/** What is known of one interrupt while the recording goes by. */
export type Track = {
  /** What everything of this interrupt that comes now has to wait for. */
  last: Item | undefined;
  /** Signals that have made it pending and were not taken yet. */
  pending: Item[];
  /** INT commands that have made it pending, where they stand, and were not taken yet. */
  raised: Raise[];
  /** Its last acknowledge, and the end of that handler: EOI, or DIR. */
  taken: Item | undefined;
  /** The last fall of its wire in that handler. */
  fall: Item | undefined;
  end: Item | undefined;
};

/**
 * The interrupts of a recording while its events go by, and the items that have been made of them: which item waits for which.
 * Whether an interrupt is pending is looked up on a machine on which the recording is replayed at the same time.
 */
export class Tracks {
  readonly #machine: Machine;
  readonly #byKey = new Map<Key, Track>();
  readonly items: Item[] = [];
  /** The last item that concerned every interrupt there is. */
  lastForAll: Item | undefined;
  /** Signals that are not made. */
  leftOut = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  keys(): Key[] {
    return [...this.#byKey.keys()];
  }

  /** Notes that `item` has signalled an interrupt, as far as that had any effect. */
  signalled(key: Key, item: Item): void {
    const track = this.of(key);
    if (track.last) item.causes.add(track.last);
    if (this.isPending(key)) track.pending.push(item);
    else track.last = item;
  }

  /** Makes an item wait for what was last of an interrupt, and what comes now for the item. */
  follow(track: Track, item: Item): void {
    if (track.last) item.causes.add(track.last);
    track.last = item;
  }

  /**
   * Moves the fall of a wire before the end of the last handler. The level was high when that ended, and fell before
   * a vCPU looked again, by an accident of time: on threads a vCPU might look.
   */
  advance(track: Track, fall: Item): void {
    if (!track.end || !track.taken) return;
    fall.causes.add(track.taken);
    fall.position = track.end.position - 0.3;
    track.end.causes.add(fall);
  }

  /** Moves a signal behind a write that it was pending over. */
  postpone(key: Key, signal: Item, write: Item): Item {
    const alone = this.alone(key, signal);
    alone.causes.add(write);
    alone.position = Math.max(alone.position, write.position + 0.25);
    return alone;
  }

  /** The signal, of one interrupt alone: an SGI to several vCPUs becomes several. */
  alone(key: Key, signal: Item): Item {
    if (signal.targets.length < 2) return signal;
    const target = signal.targets.find((vcpu) => keyOf(signal.b, vcpu) === key);
    if (target === undefined) return signal;
    const rest = signal.targets.filter((vcpu) => vcpu !== target);
    const single = this.add({ ...fieldsOf(signal), targets: [target], value: sgiTo(signal.b, [target]) });
    for (const cause of signal.causes) single.causes.add(cause);
    this.#narrow(signal, rest);
    return single;
  }

  /** Takes targets from an SGI; where one value cannot say the rest, the rest are single ones too. */
  #narrow(signal: Item, rest: readonly VcpuId[]): void {
    signal.targets = rest;
    const clusters = new Set(rest.map((vcpu) => vcpu >> 4));
    if (clusters.size <= 1) {
      signal.value = sgiTo(signal.b, rest);
      return;
    }
    for (const vcpu of rest.slice(1)) {
      const key = keyOf(signal.b, vcpu);
      const track = this.of(key);
      const single = this.add({ ...fieldsOf(signal), targets: [vcpu], value: sgiTo(signal.b, [vcpu]) });
      for (const cause of signal.causes) single.causes.add(cause);
      track.pending = track.pending.map((other) => (other === signal ? single : other));
    }
    signal.targets = rest.slice(0, 1);
    signal.value = sgiTo(signal.b, signal.targets);
  }

  /** No vCPU took these signals, by an accident of time. In another order a vCPU might: they are not made. */
  leaveOut(key: Key, track: Track): void {
    for (const signal of track.pending) {
      this.alone(key, signal).dropped = true;
      this.leftOut++;
    }
    track.pending = [];
  }

  /** The track of an interrupt. */
  of(key: Key): Track {
    const known = this.#byKey.get(key);
    if (known) return known;
    const track: Track = {
      last: this.lastForAll,
      pending: [],
      raised: [],
      taken: undefined,
      fall: undefined,
      end: undefined,
    };
    this.#byKey.set(key, track);
    return track;
  }

  /** A new item; one in a handler waits for the acknowledge. */
  add(fields: ItemFields): Item {
    const item = makeItem(fields);
    if (item.block) item.causes.add(item.block);
    this.items.push(item);
    return item;
  }

  #state(key: Key): number {
    const { intid, vcpu } = interruptOf(key);
    const { interrupts } = this.#machine.gic;
    const at = interrupts.find(vcpu, intid);
    return at < 0 ? 0 : interrupts.state(at);
  }

  /** Whether the interrupt is pending on the planner's machine, now. */
  isPending(key: Key): boolean {
    return !key.startsWith('e') && isPending(this.#state(key));
  }

  isEdge(key: Key): boolean {
    return (this.#state(key) & EDGE) !== 0;
  }
}

const fieldsOf = ({ row, action, thread, position, block, a, b }: Item): ItemFields => ({
  row,
  action,
  thread,
  position,
  a,
  b,
  ...(block ? { block } : {}),
});

/** The INTID and the vCPU that a key names; 0 for an interrupt that has none. */
export function interruptOf(key: Key): { intid: Intid; vcpu: VcpuId } {
  const [first = '0', second] = key.slice(1).split(':');
  return second === undefined
    ? { intid: Number(first), vcpu: 0 }
    : { intid: Number(second), vcpu: Number(first) };
}
