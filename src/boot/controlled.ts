import type { VcpuId } from '../arch/intid.ts';
import { BoardVcpu, type SliceEnd } from './board-vcpu.ts';
import type { GuestBoard } from './guest-board.ts';
import { NEVER } from './guest-clock.ts';
import { StoreBuffers, type StoreChoice } from './store-buffers.ts';

/** One step of a schedule: so many instructions of a vCPU, or a device's turn. */
export type Step = { readonly vcpu: VcpuId; readonly instructions: number };

/** Decides what runs next. */
export type Strategy = {
  /** @param ready - the vCPUs that could run, in order; never empty */
  next(ready: readonly VcpuId[]): Step;
  /**
   * Where stores wait: which of them leaves before the next step. Asked again until it says none.
   * @param waiting - how many wait, by vCPU
   */
  drain?(waiting: readonly number[]): StoreChoice | undefined;
};

/** Draws a vCPU and a quantum from a seed, and which stores leave: xorshift32. */
export function seededStrategy(seed: number, quantum: number): Strategy {
  let state = (seed ^ 0x9e37_79b9) | 1;
  const below = (limit: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor((state >>> 0) * (limit / 2 ** 32));
  };
  return {
    next(ready) {
      const vcpu: VcpuId = ready.length === 1 ? 0 : below(ready.length);
      return { vcpu: ready[vcpu] ?? 0, instructions: 1 + below(2 * quantum - 1) };
    },
    drain(waiting) {
      if (below(2) === 0) return undefined;
      const vcpu: VcpuId = below(waiting.length);
      const count = waiting[vcpu] ?? 0;
      return count === 0 ? undefined : { vcpu, store: below(count) };
    },
  };
}

/** What a controlled run may use up. */
export type ControlledLimits = {
  /** Instructions of all vCPUs together. */
  readonly instructions: number;
  /** Looked at now and then, to end the run early. */
  readonly isOver: () => boolean;
  /** Called between two steps, now and then: the console's turn. */
  readonly look: () => void;
  /** How long to run before returning all the same, to be called again: ms of the host. */
  readonly pieceMs: number;
};

const STEPS_BETWEEN_LOOKS = 256;
/** How many WFE and YIELD a vCPU passes that has nobody to give its turn to: its turn ends by its instructions. */
const ALONE = 0x7fff_ffff;

/**
 * Runs a board's vCPUs and devices in the calling thread, in the order of a strategy: two runs of one strategy are equal to
 * the instruction. Returns when the guest has ended, or a limit has, or the piece is over.
 */
export class Controlled {
  readonly #board: GuestBoard;
  readonly #vcpus: readonly BoardVcpu[];
  readonly stores: StoreBuffers;
  /** Those that can run, made anew before each step. */
  readonly #canRun: number[] = [];
  #steps = 0;
  /** Whether those that can run may no longer be those that were noted: else they are, until the next timer rings. */
  #hasChanged = true;
  #nextRise = NEVER;
  #now = 0;
  /** The vCPU whose last slice ended because it spins, or -1. */
  #spinning = -1;
  #stepped = -1;

  constructor(board: GuestBoard) {
    const { machine, plan, regions } = board;
    this.#board = board;
    this.#vcpus = Array.from({ length: plan.vcpus }, (_, vcpu) => new BoardVcpu(board, vcpu));
    const cores = this.#vcpus.map(({ core }) => core);
    this.stores = new StoreBuffers(cores, machine.words, regions.lock.at + 1);
  }

  get vcpus(): readonly BoardVcpu[] {
    return this.#vcpus;
  }

  get instructions(): number {
    let sum = 0;
    for (const vcpu of this.#vcpus) sum += vcpu.instructions;
    return sum;
  }

  run(strategy: Strategy, limits: ControlledLimits): void {
    const { end } = this.#board;
    const pause = performance.now() + limits.pieceMs;
    let left = limits.instructions - this.instructions;
    this.#hasChanged = true;
    while (!end.hasCome) {
      // Counted over all pieces: where a piece ends is the host's doing, and when the console is looked at ends a panic.
      if (this.#steps % STEPS_BETWEEN_LOOKS === 0) {
        limits.look();
        this.#hasChanged = true;
        if (limits.isOver()) end.say('limit');
        if (end.hasCome) break;
        if (performance.now() >= pause) return;
      }
      if (!this.#look()) {
        end.say('halted');
        break;
      }
      this.#drain(strategy);
      left -= this.#step(strategy, left);
      this.#steps++;
      if (left <= 0) end.say('limit');
    }
    if (end.hasCome) this.stores.drainAll();
    limits.look();
  }

  /** Lets stores leave, as the strategy wants it. */
  #drain(strategy: Strategy): void {
    if (this.#board.plan.memoryModel === 'strong' || !strategy.drain) return;
    for (;;) {
      const waiting = this.stores.waiting();
      if (!waiting.some((count) => count > 0)) return;
      const choice = strategy.drain(waiting);
      if (!choice) return;
      this.stores.drain(choice);
    }
  }

  /** Takes one step of a strategy; returns which vCPU it was, or -1 where the guest has halted. */
  next(strategy: Strategy): number {
    // Who calls this may have changed anything since.
    this.#hasChanged = true;
    if (!this.#look()) {
      this.#board.end.say('halted');
      return -1;
    }
    this.#step(strategy, Number.POSITIVE_INFINITY);
    return this.#stepped;
  }

  /** Lets the strategy choose; a vCPU that spins is left out where another can run. Returns how many instructions there were. */
  #step(strategy: Strategy, most: number): number {
    const canRun = this.#canRun;
    const isAlone = canRun.length === 1;
    if (this.#spinning >= 0 && canRun.length > 1) {
      const at = canRun.indexOf(this.#spinning);
      if (at >= 0) canRun.splice(at, 1);
      this.#hasChanged = true;
    }
    const { vcpu, instructions } = strategy.next(canRun);
    this.#stepped = vcpu;
    const ran = this.#stepAt(vcpu, Math.min(instructions, most), isAlone ? ALONE : 0, this.#now);
    if (this.#hasChanged) this.serveDevices();
    this.#spinning = this.last === 'spin' ? vcpu : -1;
    return ran;
  }

  /** Runs a vCPU and then the devices; returns how many instructions there were. */
  step(vcpu: VcpuId, instructions: number): number {
    const ran = this.stepAlone(vcpu, instructions);
    this.serveDevices();
    return ran;
  }

  /** Runs a vCPU; devices that it has notified have not answered yet. Returns how many instructions there were. */
  stepAlone(vcpu: VcpuId, instructions: number): number {
    return this.#stepAt(vcpu, instructions, 0, this.#board.clock.now());
  }

  /** @param spins - how many WFE and YIELD do nothing before one ends the step */
  #stepAt(vcpu: VcpuId, instructions: number, spins: number, now: number): number {
    const found = this.#vcpu(vcpu);
    const before = found.instructions;
    const exceptions = found.core.exceptionCount;
    this.last = found.slice(instructions, spins, now);
    this.stores.heedFlushes();
    const ran = found.instructions - before;
    if (found.isStuck(ran, found.core.exceptionCount - exceptions)) this.#board.end.say('stuck', 0, vcpu);
    const { clock } = this.#board;
    if (clock.isVirtual) this.#now = Math.max(now, clock.publish(vcpu, before + ran));
    else this.#hasChanged = true;
    if (found.hasActed || (this.last !== 'ran' && this.last !== 'spin')) this.#hasChanged = true;
    return ran;
  }

  #vcpu(vcpu: VcpuId): BoardVcpu {
    const found = this.#vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    return found;
  }

  /** How the last slice ended. */
  last: SliceEnd = 'ran';

  serveDevices(): void {
    for (const device of this.#board.platform.devices) device.serve();
    const { irqfds } = this.#board.machine.vm;
    if (irqfds.anyPending) irqfds.dispatchPending();
  }

  /** Notes the vCPUs that can run. Where all sleep, time moves to the first of their deadlines. False where none ever can. */
  #look(): boolean {
    if (!this.#hasChanged && this.#now < this.#nextRise) return true;
    return this.#note() || (this.moveTime() && this.#note());
  }

  #note(): boolean {
    const now = this.#board.clock.now();
    const canRun = this.#canRun;
    canRun.length = 0;
    this.#board.ring();
    let nextRise = this.#board.alarm;
    for (const vcpu of this.#vcpus) {
      if (vcpu.readinessAt(now) === 'ready') canRun.push(vcpu.id);
      nextRise = Math.min(nextRise, vcpu.nextRise);
    }
    this.#now = now;
    this.#nextRise = nextRise;
    this.#hasChanged = false;
    return canRun.length > 0;
  }

  /** The vCPUs that can run now, in order. */
  ready(): number[] {
    this.#board.ring();
    const now = this.#board.clock.now();
    const ready: number[] = [];
    for (const vcpu of this.#vcpus) if (vcpu.readinessAt(now) === 'ready') ready.push(vcpu.id);
    return ready;
  }

  /** Whether {@link moveTime} would do something, as of the last {@link ready}. */
  get hasTimer(): boolean {
    const { psci, alarm } = this.#board;
    if (alarm !== NEVER) return true;
    for (const { id, nextRise } of this.#vcpus) if (nextRise !== NEVER && psci.isOn(id)) return true;
    return false;
  }

  /** Moves time to the first timer of a vCPU that is on whose line is still to go up; false where there is none. */
  moveTime(): boolean {
    const { clock } = this.#board;
    const ahead = this.untilTimer();
    if (ahead === NEVER) return false;
    const first = clock.now() + ahead;
    for (const vcpu of this.#vcpus) clock.catchUp(vcpu.id, vcpu.instructions, first);
    return true;
  }

  /** Ticks until then, or {@link NEVER}: the RTC's alarm is a timer too. */
  untilTimer(): number {
    const { psci, alarm, clock } = this.#board;
    return this.#vcpus
      .filter(({ id }) => psci.isOn(id))
      .reduce((earliest, vcpu) => Math.min(earliest, vcpu.untilTimer()), alarm - clock.now());
  }
}
