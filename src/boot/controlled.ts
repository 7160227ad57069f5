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
    return (state >>> 0) % limit;
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

/**
 * Runs a board's vCPUs and devices in the calling thread, in the order of a strategy: two runs of one strategy are equal to
 * the instruction. Returns when the guest has ended, or a limit has, or the piece is over.
 */
export class Controlled {
  readonly #board: GuestBoard;
  readonly #vcpus: readonly BoardVcpu[];
  readonly stores: StoreBuffers;
  #steps = 0;

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
    return this.#vcpus.reduce((sum, vcpu) => sum + vcpu.instructions, 0);
  }

  run(strategy: Strategy, limits: ControlledLimits): void {
    const { end } = this.#board;
    const pause = performance.now() + limits.pieceMs;
    let left = limits.instructions - this.instructions;
    while (!end.hasCome) {
      // Counted over all pieces: where a piece ends is the host's doing, and when the console is looked at ends a panic.
      if (this.#steps % STEPS_BETWEEN_LOOKS === 0) {
        limits.look();
        if (limits.isOver()) end.say('limit');
        if (end.hasCome) break;
        if (performance.now() >= pause) return;
      }
      const ready = this.#ready();
      if (ready.length === 0) {
        end.say('halted');
        break;
      }
      this.#drain(strategy);
      const { vcpu, instructions } = strategy.next(ready);
      const ran = this.step(vcpu, Math.min(instructions, left));
      left -= ran;
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
  next(strategy: Strategy): VcpuId {
    const ready = this.#ready();
    if (ready.length === 0) {
      this.#board.end.say('halted');
      return -1;
    }
    const { vcpu, instructions } = strategy.next(ready);
    this.step(vcpu, instructions);
    return vcpu;
  }

  /** Runs a vCPU and then the devices; returns how many instructions there were. */
  step(vcpu: VcpuId, instructions: number): number {
    const ran = this.stepAlone(vcpu, instructions);
    this.serveDevices();
    return ran;
  }

  /** Runs a vCPU; devices that it has notified have not answered yet. Returns how many instructions there were. */
  stepAlone(vcpu: VcpuId, instructions: number): number {
    const found = this.#vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    const before = found.instructions;
    const exceptions = found.core.exceptions;
    this.last = found.slice(instructions);
    this.stores.heedFlushes();
    const ran = found.instructions - before;
    if (found.isStuck(ran, Number(found.core.exceptions - exceptions))) this.#board.end.say('stuck', 0, vcpu);
    return ran;
  }

  /** How the last slice ended. */
  last: SliceEnd = 'ran';

  serveDevices(): void {
    for (const device of this.#board.platform.devices) device.serve();
    const { irqfds } = this.#board.machine.vm;
    if (irqfds.anyPending) irqfds.dispatchPending();
  }

  /** The vCPUs that can run. Where all sleep, time moves to the first of their deadlines. */
  #ready(): VcpuId[] {
    const ready = this.ready();
    return ready.length === 0 && this.moveTime() ? this.ready() : ready;
  }

  /** The vCPUs that can run now, in order. */
  ready(): VcpuId[] {
    return this.#vcpus.filter((vcpu) => vcpu.readiness === 'ready').map(({ id }) => id);
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

  /** Ticks until then, or {@link NEVER}. */
  untilTimer(): number {
    const { psci } = this.#board;
    return this.#vcpus
      .filter(({ id }) => psci.isOn(id))
      .reduce((earliest, vcpu) => Math.min(earliest, vcpu.untilTimer()), NEVER);
  }
}
