import type { VcpuId } from '../arch/intid.ts';
import { NEVER } from '../kvm/timer/generic-timer.ts';
import { BoardVcpu, type SliceEnd } from './board-vcpu.ts';
import type { GuestBoard } from './guest-board.ts';
import { StoreBuffers, type StoreChoice } from './store-buffers.ts';

/** One step of a schedule: a vCPU and the number of its instructions. */
export type Step = { readonly vcpu: VcpuId; readonly instructions: number };

/** Chooses the next step. */
export type Strategy = {
  /** @param ready - the vCPUs that can run, in order; never empty */
  next(ready: readonly VcpuId[]): Step;
  /**
   * The waiting store that leaves its buffer before the next step. Called until it returns undefined.
   * @param waiting - the number of waiting stores, by vCPU
   */
  drain?(waiting: readonly number[]): StoreChoice | undefined;
};

/** Draws vCPUs, quanta and the stores that leave from a seed, by xorshift32. */
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

/** Limits of a controlled run. */
export type ControlledLimits = {
  /** Instructions of all vCPUs together. */
  readonly instructions: number;
  /** Called now and then; true ends the run. */
  readonly isOver: () => boolean;
  /** Called now and then between two steps, to serve the console. */
  readonly look: () => void;
  /** Length of a piece, ms of the host: the run returns after it, and the caller calls again. */
  readonly pieceMs: number;
};

const STEPS_BETWEEN_LOOKS = 256;
/** How many WFE and YIELD a vCPU passes if no other can run: only its instructions end its turn. */
const ALONE = 0x7fff_ffff;

/**
 * Runs a board's vCPUs and devices in the calling thread, in the order that a strategy chooses. Two runs of one strategy are equal to
 * the instruction. Returns when the guest has ended, a limit is reached, or the piece is over.
 */
export class Controlled {
  readonly #board: GuestBoard;
  readonly #vcpus: readonly BoardVcpu[];
  readonly stores: StoreBuffers;
  /** The vCPUs that can run. */
  readonly #canRun: number[] = [];
  #steps = 0;
  /** Whether the set of vCPUs that can run may have changed. If false, the set stays the same until {@link #nextRise}. */
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
      // Counts over all pieces, because the host's speed decides the ends of pieces, and `look` decides when a panic ends the run.
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

  /** Lets the stores leave that the strategy chooses. */
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

  /** Takes one step of a strategy. Returns the vCPU that ran, or -1 if the guest has halted. */
  next(strategy: Strategy): number {
    // The caller may have changed the machine since the last step.
    this.#hasChanged = true;
    if (!this.#look()) {
      this.#board.end.say('halted');
      return -1;
    }
    this.#step(strategy, Number.POSITIVE_INFINITY);
    return this.#stepped;
  }

  /** Runs the strategy's next step. A spinning vCPU is no candidate if another can run. Returns the instructions that ran. */
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

  /** Runs a vCPU and then the devices. Returns the instructions that ran. */
  step(vcpu: VcpuId, instructions: number): number {
    const ran = this.stepAlone(vcpu, instructions);
    this.serveDevices();
    return ran;
  }

  /** Runs a vCPU without serving the devices that it notifies. Returns the instructions that ran. */
  stepAlone(vcpu: VcpuId, instructions: number): number {
    return this.#stepAt(vcpu, instructions, 0, this.#board.clock.now());
  }

  /** @param spins - how many WFE and YIELD the vCPU passes before the next ends the step */
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

  /** Why the last slice ended. */
  last: SliceEnd = 'ran';

  serveDevices(): void {
    for (const device of this.#board.platform.devices) device.serve();
    const { irqfds } = this.#board.machine.vm;
    if (irqfds.anyPending) irqfds.dispatchPending();
  }

  /** Updates the vCPUs that can run. If all sleep, moves time to the earliest deadline. False if no vCPU can run again. */
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

  /** Moves time to the next rise of a timer line of a vCPU that is on; false if no timer is set. */
  moveTime(): boolean {
    const { clock } = this.#board;
    const ahead = this.untilTimer();
    if (ahead === NEVER) return false;
    const first = clock.now() + ahead;
    for (const vcpu of this.#vcpus) clock.catchUp(vcpu.id, vcpu.instructions, first);
    return true;
  }

  /** Ticks until the next timer line rises or the RTC's alarm rings, or {@link NEVER}. */
  untilTimer(): number {
    const { psci, alarm, clock } = this.#board;
    return this.#vcpus
      .filter(({ id }) => psci.isOn(id))
      .reduce((earliest, vcpu) => Math.min(earliest, vcpu.untilTimer()), alarm - clock.now());
  }
}
