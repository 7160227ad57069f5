import type { BoardVcpu } from '../boot/board-vcpu.ts';
import type { Controlled } from '../boot/controlled.ts';
import type { GuestBoard } from '../boot/guest-board.ts';
import { NEVER } from '../boot/guest-clock.ts';
import { EXCEPTIONS, INTERRUPTS } from '../cpu/core/block.ts';
import type { Turn } from './turn.ts';

/** The longest loop that is followed to its beginning, instructions. */
const LONGEST_LOOP = 2_000;
const REGISTERS = 32;

/**
 * Whether a guest can be proved to wait for ever: each vCPU that is awake comes back to the same registers at the same pc,
 * writes nothing on the way and takes no exception, no timer is set, and no interrupt can be taken. What each of them reads
 * is then what it read before, so it goes round for ever. (A loop that reads the time has other registers each time.)
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

  /** Runs vCPUs for one round of their loops, as the turns that it returns say, whether it is proved or not. */
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
