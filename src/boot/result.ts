import { BoardVcpu } from './board-vcpu.ts';
import type { ConsoleFigures } from './console.ts';
import type { GuestBoard } from './guest-board.ts';
import type { End } from './guest-end.ts';

/** The result of a boot: the JSON of `irqloom boot`. */
export type BootResult = {
  readonly schemaVersion: 1;
  readonly command: 'boot';
  readonly end: Exclude<End, 'stuck' | 'stopped'> | 'interrupted';
  /** The guest's status from semihosting; 0 for a power-off by PSCI; null if the guest did not end by itself. */
  readonly exitStatus: number | null;
  /** Instructions of all vCPUs together. */
  readonly instructions: number;
  /** Seconds of the host. */
  readonly seconds: number;
  readonly vcpus: readonly VcpuResult[];
  readonly console: ConsoleFigures;
  readonly scheduler: 'threads' | 'controlled';
  readonly seed: number;
};

export type VcpuResult = {
  readonly instructions: number;
  /** Acknowledges by INTID; `other`: LPIs past the first 4096. */
  readonly interrupts: Readonly<Record<string, number>>;
  /** Synchronous exceptions taken. */
  readonly exceptions: number;
  /** The program counter at the end: 16 hexadecimal digits. */
  readonly pc: string;
};

/** The results of all vCPUs, from shared memory. Call after their threads have ended, or while they are paused. */
export function vcpuResults(board: GuestBoard): VcpuResult[] {
  return Array.from({ length: board.plan.vcpus }, (_, id) => {
    const { core, instructions } = new BoardVcpu(board, id);
    const interrupts: Record<string, number> = {};
    for (const [intid, count] of board.taken.all(id)) interrupts[intid < 0 ? 'other' : String(intid)] = count;
    return {
      instructions,
      interrupts,
      exceptions: Number(core.exceptions),
      pc: core.pc.toString(16).padStart(16, '0'),
    };
  });
}
