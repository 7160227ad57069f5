import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { HALTED, IN_GUEST } from '../../board/vcpu-control.ts';
import { isPending } from '../../gic/state.ts';
import { guestProgram } from '../../threads/programs.ts';
import { LooseDeliveries, type LooseView } from './loose-deliveries.ts';
import { ACTION, type ReplayScript } from './script.ts';
import { ScriptRunner } from './script-runner.ts';

const NOTHING = 1023;
/** How many of its open items a vCPU tries per step. */
const WINDOW = 16;

/** The acknowledges of a vCPU that return one interrupt, in order, and how many are done. */
type Acknowledges = { readonly items: number[]; next: number };

/** The guest of a vCPU that repeats a recorded vCPU's actions. */
export function scriptGuest(machine: Machine, vcpu: Vcpu, replayed: ReplayScript): Guest {
  const script = new ScriptVcpu(machine, vcpu, replayed);
  return {
    resumed: () => script.run(),
    // An interrupt still pending at the end is extra, unless the replay was abandoned.
    interrupt: (intid) => script.extra(intid),
    finished: () => true,
  };
}

export const scriptGuestProgram = guestProgram(import.meta.url, scriptGuest);

/**
 * A vCPU of a replay. Takes interrupts as they come. For each, repeats its handler of the recording; between them,
 * repeats the vCPU's actions outside of handlers. Defers every item that must wait, so no order of deliveries blocks
 * the vCPU.
 */
class ScriptVcpu {
  readonly #run: ScriptRunner;
  readonly #vcpu: Vcpu;
  readonly #id: VcpuId;
  /** By INTID. */
  readonly #acknowledges = new Map<Intid, Acknowledges>();
  /** By INTID, for interrupts with an acknowledge whose signals may be several deliveries. */
  readonly #loose = new Map<Intid, LooseDeliveries>();
  /** By acknowledge: the items of its handler. */
  readonly #handlers = new Map<number, number[]>();
  /** The items outside of handlers, in order, and the first that is left. */
  readonly #own: number[] = [];
  readonly #begun: Uint8Array;
  #first = 0;
  /** Items that had to wait in an ended handler, and signals under a hold of a vCPU: tried at every step. */
  readonly #deferred: number[] = [];
  #holds = 0;
  /** Of the acknowledges made, the latest in the recording. */
  #latest = -1;

  constructor(machine: Machine, vcpu: Vcpu, script: ReplayScript) {
    this.#id = vcpu.cpu.vcpu;
    this.#vcpu = vcpu;
    this.#run = new ScriptRunner(machine, script, this.#id);
    for (let item = 0; item < script.items; item++) {
      if (script.thread[item] !== this.#id) continue;
      if (script.action[item] === ACTION.acknowledge) this.#addAcknowledge(script.a[item] ?? 0, item);
      else if (this.#handlers.has(script.block[item] ?? -1))
        this.#handlers.get(script.block[item] ?? -1)?.push(item);
      else if (this.#run.waitsForHold(item)) this.#deferred.push(item);
      else this.#own.push(item);
    }
    for (const [intid, { items }] of this.#acknowledges) {
      if (!items.some((item) => this.#run.isLoose(item))) continue;
      this.#loose.set(intid, new LooseDeliveries(this.#viewOf(machine), intid));
    }
    this.#begun = new Uint8Array(this.#own.length);
  }

  #viewOf({ gic: { interrupts } }: Machine): LooseView {
    const run = this.#run;
    return {
      loose: (item) => run.loose(item),
      isPending: (intid) => isPending(interrupts.state(interrupts.find(this.#id, intid))),
      wait: (until) => {
        while (!this.#isOver && !until()) {
          const ticket = run.bell.announce();
          if (this.#isOver || until()) run.bell.withdraw();
          else run.bell.park(ticket);
        }
        return !this.#isOver;
      },
    };
  }

  /** Runs until every item is done; then takes extra deliveries. */
  run(): void {
    const { control } = this.#vcpu;
    while (!this.#run.isOver && control.requests === 0) this.#step();
  }

  /** Records a delivery that the recording does not have. */
  extra(intid: Intid): void {
    if (!this.#run.isAborted) this.#run.noteExtra(this.#id, intid);
  }

  /** Takes one step, or sleeps until there is one. */
  #step(): void {
    const first = this.#run.chance.below(2) === 0;
    if (first ? this.#take() || this.#work() : this.#work() || this.#take()) return;
    const { bell } = this.#run;
    const ticket = bell.announce();
    if (this.#vcpu.cpu.signalled && this.#holds === 0) bell.withdraw();
    else if (this.#isOver || this.#findOwn() >= 0 || this.#findDeferred() >= 0) bell.withdraw();
    else {
      this.#vcpu.control.mode = HALTED;
      this.#vcpu.control.count('halts');
      bell.park(ticket);
      this.#vcpu.control.mode = IN_GUEST;
    }
  }

  get #isOver(): boolean {
    return this.#run.isOver || this.#vcpu.control.requests !== 0;
  }

  /** Acknowledges and runs the handler. False if nothing is pending, or a hold forbids it. */
  #take(): boolean {
    if (this.#holds > 0) return false;
    for (const [loose, judge] of this.#loose) judge.before(this.#next(loose));
    const intid = this.#vcpu.cpu.acknowledge();
    if (intid === NOTHING) return false;
    const list = this.#acknowledges.get(intid);
    const item = this.#next(intid);
    const verdict = this.#run.isLoose(item) ? this.#loose.get(intid)?.judge(item) : 'last';
    if (!list || item < 0 || verdict !== 'last') {
      if (verdict === 'apart') this.#run.noteApart();
      else this.extra(intid);
      this.#vcpu.cpu.endOfInterrupt(intid);
      this.#vcpu.cpu.deactivate(intid);
      return true;
    }
    list.next++;
    if (item < this.#latest) this.#run.noteReordered();
    else this.#latest = item;
    this.#run.finish(item);
    this.#handle(this.#handlers.get(item) ?? []);
    this.#vcpu.control.countTaken();
    return true;
  }

  /** The next acknowledge that returns an interrupt, or -1. */
  #next(intid: Intid): number {
    const list = this.#acknowledges.get(intid);
    return list?.items[list.next] ?? -1;
  }

  #handle(items: readonly number[]): void {
    let end = -1;
    for (const item of items) {
      if (this.#run.script.action[item] === ACTION.endOfInterrupt) end = item;
      else if (this.#run.isReady(item)) this.#do(item);
      else this.#deferred.push(item);
    }
    if (end < 0) return;
    // The end may need a fall of the wire, or the handler's own writes: other threads, or this one, do them.
    this.#wait(() => this.#run.isReady(end));
    if (!this.#isOver) this.#run.perform(end);
  }

  #do(item: number): void {
    this.#run.perform(item);
    if (this.#run.script.action[item] !== ACTION.hold) return;
    this.#holds++;
    this.#wait(() => this.#run.isReleased(item));
    this.#holds--;
  }

  #wait(until: () => boolean): void {
    while (!this.#isOver && !until()) {
      if (this.#work() || this.#take()) continue;
      const { bell } = this.#run;
      const ticket = bell.announce();
      const awake = this.#isOver || until() || this.#findOwn() >= 0 || this.#findDeferred() >= 0;
      if (awake || (this.#holds === 0 && this.#vcpu.cpu.signalled)) bell.withdraw();
      else bell.park(ticket);
    }
  }

  /** Does one of the vCPU's own items, if any is ready. */
  #work(): boolean {
    const index = this.#findDeferred();
    if (index >= 0) {
      const [item = -1] = this.#deferred.splice(index, 1);
      this.#do(item);
      return true;
    }
    const own = this.#findOwn();
    if (own < 0) return false;
    this.#begun[own] = 1;
    this.#do(this.#own[own] ?? -1);
    return true;
  }

  #findDeferred(): number {
    return this.#deferred.findIndex((item) => this.#run.isReady(item));
  }

  /** Finds a ready item outside of handlers, among the first few that are left. */
  #findOwn(): number {
    while (this.#first < this.#own.length && this.#begun[this.#first] === 1) this.#first++;
    for (let index = this.#first, seen = 0; index < this.#own.length && seen < WINDOW; index++) {
      if (this.#begun[index] === 1) continue;
      if (this.#run.isReady(this.#own[index] ?? 0)) return index;
      seen++;
    }
    return -1;
  }

  #addAcknowledge(intid: Intid, item: number): void {
    const list = this.#acknowledges.get(intid);
    if (list) list.items.push(item);
    else this.#acknowledges.set(intid, { items: [item], next: 0 });
    this.#handlers.set(item, []);
  }
}
