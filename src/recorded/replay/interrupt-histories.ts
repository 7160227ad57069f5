import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { EDGE, isPending } from '../../gic/state.ts';
import { type Item, type ItemFields, makeItem } from './replay-items.ts';
import { type Key, keyOf } from './touches.ts';

/** An INT command that makes an interrupt pending at its place in the recording. */
export type Raise = {
  readonly command: Item;
  /** The write of GITS_CWRITER that submits the command. */
  readonly write: Item;
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
};

/** The state of one interrupt while the recording goes by. */
export type InterruptHistory = {
  /** The item that every later item of this interrupt waits for. */
  last: Item | undefined;
  /** Signals that made the interrupt pending and were not taken yet. */
  pending: Item[];
  /** INT commands that made the interrupt pending, at their places, and were not taken yet. */
  raised: Raise[];
  /** The interrupt's last acknowledge, and the end of that handler: EOI, or DIR. */
  taken: Item | undefined;
  /** The last fall of the interrupt's wire in that handler. */
  fall: Item | undefined;
  end: Item | undefined;
};

/**
 * The interrupts of a recording while its events go by, and the items made of those events: which item waits for which.
 * A machine that replays the recording at the same time tells whether an interrupt is pending.
 */
export class InterruptHistories {
  readonly #machine: Machine;
  readonly #byKey = new Map<Key, InterruptHistory>();
  readonly items: Item[] = [];
  /** The last item that concerned every interrupt. */
  lastForAll: Item | undefined;
  /** Number of signals left out. */
  leftOut = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  keys(): Key[] {
    return [...this.#byKey.keys()];
  }

  /** Records that `item` has signalled an interrupt, if the signal had an effect. */
  signalled(key: Key, item: Item): void {
    const history = this.of(key);
    if (history.last) item.causes.add(history.last);
    if (this.isPending(key)) history.pending.push(item);
    else history.last = item;
  }

  /** Makes an item wait for the interrupt's last item, and later items wait for this one. */
  follow(history: InterruptHistory, item: Item): void {
    if (history.last) item.causes.add(history.last);
    history.last = item;
  }

  /**
   * Moves the fall of a wire before the end of the last handler. In the recording, the level was high at that end and
   * fell before a vCPU looked again. That was chance: on threads, a vCPU might look.
   */
  advance(history: InterruptHistory, fall: Item): void {
    if (!history.end || !history.taken) return;
    fall.causes.add(history.taken);
    fall.position = history.end.position - 0.3;
    history.end.causes.add(fall);
  }

  /** Moves a signal behind a write over which it was pending. */
  postpone(key: Key, signal: Item, write: Item): Item {
    const alone = this.alone(key, signal);
    alone.causes.add(write);
    alone.position = Math.max(alone.position, write.position + 0.25);
    return alone;
  }

  /** The signal for one interrupt alone: an SGI to several vCPUs becomes several items. */
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

  /** Takes targets from an SGI; if one register value cannot name the rest, each of the rest becomes an item. */
  #narrow(signal: Item, rest: readonly VcpuId[]): void {
    signal.targets = rest;
    const clusters = new Set(rest.map((vcpu) => vcpu >> 4));
    if (clusters.size <= 1) {
      signal.value = sgiTo(signal.b, rest);
      return;
    }
    for (const vcpu of rest.slice(1)) {
      const key = keyOf(signal.b, vcpu);
      const history = this.of(key);
      const single = this.add({ ...fieldsOf(signal), targets: [vcpu], value: sgiTo(signal.b, [vcpu]) });
      for (const cause of signal.causes) single.causes.add(cause);
      history.pending = history.pending.map((other) => (other === signal ? single : other));
    }
    signal.targets = rest.slice(0, 1);
    signal.value = sgiTo(signal.b, signal.targets);
  }

  /** Leaves out signals that by chance no vCPU took: in another order, a vCPU might take them. */
  leaveOut(key: Key, history: InterruptHistory): void {
    for (const signal of history.pending) {
      this.alone(key, signal).dropped = true;
      this.leftOut++;
    }
    history.pending = [];
  }

  /** The history of an interrupt. */
  of(key: Key): InterruptHistory {
    const known = this.#byKey.get(key);
    if (known) return known;
    const history: InterruptHistory = {
      last: this.lastForAll,
      pending: [],
      raised: [],
      taken: undefined,
      fall: undefined,
      end: undefined,
    };
    this.#byKey.set(key, history);
    return history;
  }

  /** Adds a new item; an item in a handler waits for the acknowledge. */
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

  /** Whether the interrupt is pending on the planner's machine now. */
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

/** The INTID and the vCPU of a key; 0 for a key without one. */
export function interruptOf(key: Key): { intid: Intid; vcpu: VcpuId } {
  const [first = '0', second] = key.slice(1).split(':');
  return second === undefined
    ? { intid: Number(first), vcpu: 0 }
    : { intid: Number(second), vcpu: Number(first) };
}
