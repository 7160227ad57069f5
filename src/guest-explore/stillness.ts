import type { BoardVcpu } from '../boot/board-vcpu.ts';
import type { Controlled } from '../boot/controlled.ts';
import type { GuestBoard } from '../boot/guest-board.ts';
import { EXCEPTIONS, INTERRUPTS } from '../cpu/core/block.ts';
import { NEVER } from '../kvm/timer/generic-timer.ts';
import type { Turn } from './turn.ts';

/** The longest loop that the proof follows, instructions. */
const LONGEST_LOOP = 2_000;
const REGISTERS = 32;

/**
 * Proves that a guest waits forever: each awake vCPU returns to the same registers at the same pc, with no write and no exception on the
 * way; no timer is set; no interrupt is deliverable. Each vCPU then reads the same values in every round, so it loops forever. (A loop
 * that reads the time has different registers each round.)
 */
export class Stillness {
  readonly #board: GuestBoard;
  readonly #controlled: Controlled;
  readonly #dirty: Uint8Array;

  constructor(board: GuestBoard, controlled: Controlled) {
    const { machine, regions, plan } = board;
    this.#board = board;
    this.#controlled = controlled;
    this.#dirty = new Uint8Array(machine.buffer, regions.dirtyPages.at * 4, plan.pages);
  }

  /** Runs each vCPU for one round of its loop. Returns whether the proof holds, and the turns that it ran. */
  prove(): { readonly isProved: boolean; readonly turns: readonly Turn[] } {
    const turns: Turn[] = [];
    return { isProved: this.#isProved(turns), turns };
  }

  #isProved(turns: Turn[]): boolean {
    const { vcpus } = this.#controlled;
    if (this.#controlled.untilTimer() !== NEVER) return false;
    if (this.#controlled.stores.waiting().some((count) => count > 0)) return false;
    const before = this.#dirty.slice();
    this.#dirty.fill(0);
    for (const { core } of vcpus) {
      core.protectPages();
      core.restored();
    }
    const awake = vcpus.filter((vcpu) => vcpu.readiness === 'ready');
    const holds =
      awake.length > 0 && awake.every((vcpu) => this.#goesRound(vcpu, turns)) && !this.#dirty.includes(1);
    for (let page = before.indexOf(1); page >= 0; page = before.indexOf(1, page + 1)) this.#dirty[page] = 1;
    return holds;
  }

  #goesRound(vcpu: BoardVcpu, turns: Turn[]): boolean {
    const { core, id } = vcpu;
    if (!this.#board.psci.isOn(id) || vcpu.cpu.signalled) return false;
    const registers = () => Array.from({ length: REGISTERS }, (_, n) => core.x(n));
    const [pc, pstate, start] = [core.pc, core.pstate, registers()];
    const taken = () => core.state(EXCEPTIONS) + core.state(INTERRUPTS);
    const exceptions = taken();
    let isBack = false;
    let steps = 0;
    while (!isBack && steps < LONGEST_LOOP && !this.#board.end.hasCome) {
      this.#controlled.stepAlone(id, 1);
      steps++;
      if (taken() !== exceptions || vcpu.readiness !== 'ready') break;
      isBack =
        core.pc === pc && core.pstate === pstate && registers().every((value, n) => value === start[n]);
    }
    turns.push({ does: 'run', vcpu: id, instructions: steps });
    return isBack;
  }
}
