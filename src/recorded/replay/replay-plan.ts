import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import { vcpuWith } from '../../gic/affinity.ts';
import type { GuestEvent } from '../trace/guest-event.ts';
import type { GuestTrace } from '../trace/guest-trace.ts';
import { PACKED_COMMAND_WORDS, type PackedTrace } from '../trace/packed-trace.ts';
import { InterruptHistories, type InterruptHistory, interruptOf } from './interrupt-histories.ts';
import { NO_COMMAND, NOTHING_SUBMITTED, Raises, type Submission } from './raises.ts';
import { type Item, type ItemFields, inOrder, toScript } from './replay-items.ts';
import { emptyTally, type ReplayTally } from './replay-tally.ts';
import { Replayer } from './replayer.ts';
import { ACTION, type ReplayScript } from './script.ts';
import { isInterrupt, type Survey, survey } from './survey.ts';
import { ALL, eventKey, type Key, keyOf, Touches } from './touches.ts';

/** Most device threads. */
const MOST_DEVICES = 4;

/** An acknowledge, or an end. */
type OfInterrupt = { readonly cpu: VcpuId; readonly intid: Intid };

/** A script, and the result of the replay event by event from which the script was made. */
export type Planned = {
  readonly script: ReplayScript;
  readonly tally: ReplayTally;
  /** Signals that by chance no vCPU took in the recording: they are left out. */
  readonly leftOut: number;
};

/**
 * Gives a recording the order that its threads must keep, and no more order than that:
 *
 * - Setup of the controller is one chain, in its order, on whichever vCPU. A write waits for the earlier items of the
 *   interrupts that it concerns, and their later items wait for the write;
 * - a signal waits for the acknowledge before it of its own interrupt: else two signals would merge. Signals that were
 *   one in the recording are made while their vCPU acknowledges nothing. Signals that were pending over a write that
 *   concerns them come after the write: else a vCPU could take them before;
 * - INT commands belong to the setup and keep their place. If other signals were pending together with an INT, each may
 *   be taken on its own, as long as none is taken twice ({@link LooseDeliveries});
 * - an end waits for its acknowledge, and for the fall of a level that no vCPU saw again after the end;
 * - nothing else waits: the machine decides which of its pending interrupts a vCPU takes first.
 *
 * A machine that replays the recording event by event at the same time tells whether a signal makes an interrupt
 * pending, and what follows.
 */
export class Planner {
  readonly #machine: Machine;
  readonly #trace: GuestTrace;
  readonly #packed: PackedTrace;
  readonly #replayer: Replayer;
  readonly #survey: Survey;
  readonly #touches = new Touches();
  readonly #tally = emptyTally();
  readonly #histories: InterruptHistories;
  readonly #raises: Raises;
  readonly #acknowledges = new Map<number, Item>();
  /** The writes in an acknowledge's handler. */
  readonly #written = new Map<Item, Item[]>();
  readonly #sources = new Map<string, number>();
  readonly #devices: number;
  #lastControl: Item | undefined;

  constructor(machine: Machine, trace: GuestTrace, packed: PackedTrace) {
    this.#machine = machine;
    this.#trace = trace;
    this.#packed = packed;
    this.#replayer = new Replayer(machine, packed);
    this.#histories = new InterruptHistories(machine);
    this.#raises = new Raises(this.#histories, packed.commands.length, (deviceId) =>
      this.#threadOf(`d${deviceId}`),
    );
    this.#survey = survey(trace);
    const sources = new Set(
      trace.events.flatMap((event) => (event.op === 'msi' || event.op === 'line' ? [sourceOf(event)] : [])),
    );
    this.#devices = Math.max(1, Math.min(MOST_DEVICES, sources.size));
  }

  plan(): Planned {
    for (const [row, event] of this.#trace.events.entries()) this.#see(event, row);
    const histories = this.#histories;
    for (const key of histories.keys()) this.#quieten(key, histories.of(key));
    for (const key of histories.keys()) {
      histories.leaveOut(key, histories.of(key));
      this.#raises.leaveOut(histories.of(key));
    }
    const script = toScript(inOrder(histories.items), {
      vcpus: this.#trace.header.cpus,
      devices: this.#devices,
      commands: Uint32Array.from([...this.#packed.commands, ...NO_COMMAND]),
    });
    return { script, tally: this.#tally, leftOut: histories.leftOut };
  }

  #see(event: GuestEvent, row: number): void {
    const touched = this.#touches.of(event);
    switch (event.op) {
      case 'iar':
        this.#acknowledge(event, row);
        return;
      case 'eoi':
        this.#end(event, row);
        return;
      case 'dir':
        this.#deactivate(event, row);
        return;
      case 'sgi':
        this.#sgi(event, row);
        return;
      case 'msi':
        this.#msi(event, row);
        return;
      case 'line':
        this.#line(event, row);
        return;
      default:
        this.#control(event, row, touched);
    }
  }

  // ---- setup of the controller

  #control(event: GuestEvent, row: number, touched: ReturnType<Touches['of']>): void {
    const block = this.#acknowledges.get(this.#survey.block[row] ?? -1);
    const thread = this.#survey.vcpu[row] ?? 0;
    const item = this.#histories.add({
      row,
      thread,
      ...this.#controlFields(event, row),
      ...(block ? { block } : {}),
    });
    if (block && event.op !== 'read') this.#written.set(block, [...(this.#written.get(block) ?? []), item]);
    if (event.op === 'command' && event.command.name === 'INT') this.#raises.lay(item);
    const submitted = this.#raises.submit(item, this.#touches.submittedInts);
    this.#chain(item, touched, () => this.#replay(row), { submitted });
  }

  /** Appends an item to the setup chain; `act` replays it on the planner's machine. */
  #chain(
    item: Item,
    touched: ReturnType<Touches['of']>,
    act: () => void,
    { submitted = NOTHING_SUBMITTED, ahead }: { submitted?: Submission; ahead?: Key } = {},
  ): void {
    if (this.#lastControl) item.causes.add(this.#lastControl);
    this.#lastControl = item;
    const keys = touched === ALL ? [...this.#histories.keys(), ...submitted.keys()] : touched;
    const histories = [...new Set(keys)].map((key) => ({ key, history: this.#histories.of(key) }));
    for (const { key, history } of histories) this.#reraise(key, history, item);
    const before = histories.map(
      ({ key, history }) => history.pending.length > 0 && this.#histories.isPending(key),
    );
    act();
    histories.forEach(({ key, history }, index) => {
      if (history.last) item.causes.add(history.last);
      if (history.end) item.causes.add(history.end);
      // A CLEAR or the like dropped the signal before a vCPU took it: in another order, a vCPU might take it.
      if (before[index] && !this.#histories.isPending(key)) this.#histories.leaveOut(key, history);
      history.pending = history.pending.map((signal) => this.#histories.postpone(key, signal, item));
      // A barrier is for the one acknowledge after it: others may come before.
      if (ahead === undefined || ahead === key) this.#raises.pass(key, history, item, submitted);
      history.last = item;
    });
    if (touched === ALL) this.#histories.lastForAll = item;
  }

  #controlFields(event: GuestEvent, row: number): Omit<ItemFields, 'row' | 'thread'> {
    const { a, b, size, wide } = this.#packed;
    const [first, second] = [a[row] ?? 0, b[row] ?? 0];
    switch (event.op) {
      case 'read':
      case 'write': {
        const value = size[row] === 8 ? (wide[second] ?? 0n) : BigInt(second);
        const action = event.op === 'read' ? ACTION.read : ACTION.write;
        return { action, a: size[row] ?? 4, value, address: this.#replayer.addressOf(row) };
      }
      case 'command':
        return {
          action: ACTION.command,
          a: first * PACKED_COMMAND_WORDS,
          address: this.#replayer.nextCommand(),
        };
      case 'lpi-config':
        return { action: ACTION.configure, b: second, address: this.#replayer.configAddressOf(first) };
      default:
        return { action: ACTION.icc, a: first, b: second };
    }
  }

  // ---- vCPUs

  #acknowledge(event: OfInterrupt, row: number): void {
    const { cpu, intid } = event;
    if (!isInterrupt(intid)) {
      this.#replay(row);
      return;
    }
    const key = keyOf(intid, cpu);
    if (this.#survey.special.has(row)) {
      const barrier = this.#histories.add({ row, position: row - 0.5, action: ACTION.barrier, thread: cpu });
      this.#chain(barrier, ALL, () => undefined, { ahead: key });
    }
    this.#replay(row);
    const history = this.#histories.of(key);
    if (history.pending.filter(raises).length > 1) this.#hold(key, history, cpu);
    const item = this.#histories.add({ row, action: ACTION.acknowledge, thread: cpu, a: intid });
    if (history.last) item.causes.add(history.last);
    for (const signal of history.pending) item.causes.add(signal);
    const signals = [...history.raised.map(({ write }) => write), ...history.pending.filter(raises)];
    if (history.raised.length > 0 && signals.length > 1) item.loose = signals;
    this.#acknowledges.set(row, item);
    history.pending = [];
    history.raised = [];
    history.last = item;
    history.taken = item;
    history.fall = undefined;
    history.end = undefined;
  }

  /** Signals that merged: their vCPU must not acknowledge from the first to the last of them. */
  #hold(key: Key, history: InterruptHistory, cpu: VcpuId): void {
    const signals = history.pending.filter(raises).map((signal) => this.#histories.alone(key, signal));
    history.pending = signals;
    const position = Math.max(...signals.map((signal) => signal.position));
    const hold = this.#histories.add({
      row: signals[0]?.row ?? 0,
      position: position + 0.1,
      action: ACTION.hold,
      thread: cpu,
    });
    for (const signal of signals) for (const cause of signal.causes) hold.causes.add(cause);
    for (const signal of signals) {
      signal.causes.add(hold);
      signal.position = position + 0.2;
    }
    hold.released = signals;
  }

  #end(event: OfInterrupt, row: number): void {
    this.#replay(row);
    const block = this.#acknowledges.get(this.#survey.block[row] ?? -1);
    if (!block) return;
    const { cpu, intid } = event;
    const item = this.#histories.add({ row, action: ACTION.endOfInterrupt, thread: cpu, a: intid, block });
    const history = this.#histories.of(keyOf(intid, cpu));
    if (history.fall) item.causes.add(history.fall);
    // A vCPU has written a register that concerns this very interrupt.
    if (history.last && history.last !== this.#histories.lastForAll) item.causes.add(history.last);
    for (const written of this.#written.get(block) ?? []) item.causes.add(written);
    history.end = item;
  }

  #deactivate(event: OfInterrupt, row: number): void {
    this.#replay(row);
    const { cpu, intid } = event;
    const history = this.#histories.of(keyOf(intid, cpu));
    const item = this.#histories.add({ row, action: ACTION.deactivate, thread: cpu, a: intid });
    if (history.last) item.causes.add(history.last);
    if (history.end) item.causes.add(history.end);
    history.end = item;
  }

  #sgi(event: GuestEvent & { op: 'sgi' }, row: number): void {
    const targets = targetsOf(event, this.#trace.header.cpus);
    this.#replay(row);
    const value = this.#packed.wide[this.#packed.a[row] ?? 0] ?? 0n;
    const block = this.#acknowledges.get(this.#survey.block[row] ?? -1);
    const fields = { row, action: ACTION.sgi, thread: event.cpu, b: event.intid, value, targets };
    const item = this.#histories.add({ ...fields, ...(block ? { block } : {}) });
    for (const target of targets) this.#histories.signalled(keyOf(event.intid, target), item);
  }

  // ---- devices

  #msi(event: GuestEvent & { op: 'msi' }, row: number): void {
    const { deviceId, eventId } = event;
    const lpi = this.#machine.its.translate(deviceId, eventId);
    this.#replay(row);
    const fields = { row, action: ACTION.msi, a: deviceId, b: eventId };
    const lane = eventKey(deviceId, eventId);
    const item = this.#histories.add({ ...fields, lane, thread: this.#threadOf(sourceOf(event)) });
    const own = this.#histories.of(lane);
    if (own.last) item.causes.add(own.last);
    if (lpi < 0) own.last = item;
    else this.#histories.signalled(keyOf(lpi, 0), item);
  }

  #line(event: GuestEvent & { op: 'line' }, row: number): void {
    const { intid, level } = event;
    const key = keyOf(intid, event.cpu);
    const before = this.#histories.isPending(key);
    this.#replay(row);
    const fields = { row, action: ACTION.line, a: intid, b: level, value: BigInt(Math.max(0, event.cpu)) };
    const item = this.#histories.add({ ...fields, lane: key, thread: this.#threadOf(sourceOf(event)) });
    const history = this.#histories.of(key);
    const isEdge = this.#histories.isEdge(key);
    if (level === 1) {
      this.#histories.signalled(key, item);
      return;
    }
    if (isEdge && history.pending.length > 0) {
      for (const rise of history.pending) item.causes.add(rise);
      history.pending.push(item);
    } else if (isEdge || this.#histories.isPending(key) || !before) this.#histories.follow(history, item);
    else if (history.pending.length > 0) {
      // The wire rose and fell, and no vCPU looked.
      history.pending.push(item);
      this.#histories.leaveOut(key, history);
    } else if (history.end) this.#histories.advance(history, item);
    else {
      this.#histories.follow(history, item);
      history.fall = item;
    }
  }

  /**
   * For a level that stays high after its handler, while the guest writes registers that concern it. A vCPU will see
   * the level again, but must not before the write: so the wire falls before the handler ends, and rises afterwards.
   */
  #reraise(key: Key, history: InterruptHistory, write: Item): void {
    if (!this.#staysHigh(key, history)) return;
    this.#histories.advance(history, this.#wire(key, write.row, 0));
    const rise = this.#wire(key, write.row, 1);
    rise.causes.add(write);
    rise.position = write.position + 0.25;
    history.pending.push(rise);
  }

  /** For a level that is high when the recording ends, after its handler has ended: the interrupt would come again. */
  #quieten(key: Key, history: InterruptHistory): void {
    if (this.#staysHigh(key, history))
      this.#histories.advance(history, this.#wire(key, this.#trace.events.length - 1, 0));
  }

  /** Whether a wire is high that no vCPU has seen since its handler ended. */
  #staysHigh(key: Key, history: InterruptHistory): boolean {
    if (!history.end || history.pending.length > 0 || key.startsWith('l')) return false;
    return this.#histories.isPending(key) && !this.#histories.isEdge(key);
  }

  /** Drives a wire where the recording does not. */
  #wire(key: Key, row: number, level: 0 | 1): Item {
    const { intid, vcpu } = interruptOf(key);
    const fields = { row, action: ACTION.line, a: intid, b: level, value: BigInt(vcpu) };
    return this.#histories.add({ ...fields, lane: key, thread: this.#threadOf(key) });
  }

  #threadOf(source: string): number {
    const number = this.#sources.get(source) ?? this.#sources.size;
    this.#sources.set(source, number);
    return this.#trace.header.cpus + (number % this.#devices);
  }

  #replay(row: number): void {
    this.#replayer.run(this.#tally, row, row + 1);
  }
}

/** Whether a signal raises its interrupt; the fall of an edge-triggered wire has no effect. */
const raises = ({ action, b }: Item) => action !== ACTION.line || b === 1;

/** The source of a wire's or a message's signals: one thread makes all signals of a source. */
function sourceOf(event: GuestEvent & { op: 'msi' | 'line' }): string {
  return event.op === 'msi' ? `d${event.deviceId}` : keyOf(event.intid, event.cpu);
}

function targetsOf(event: GuestEvent & { op: 'sgi' }, cpus: number): VcpuId[] {
  if (event.irm === 1)
    return Array.from({ length: cpus }, (_, vcpu) => vcpu).filter((vcpu) => vcpu !== event.cpu);
  const found: VcpuId[] = [];
  for (let bit = 0; bit < 16; bit++) {
    if ((event.targets & (1 << bit)) === 0) continue;
    const vcpu = vcpuWith(((event.affinity << 8) | bit) >>> 0, cpus);
    if (vcpu >= 0) found.push(vcpu);
  }
  return found;
}
