import type { ExitReason } from '../board/vcpu.ts';
import type { VcpuCounters } from '../board/vcpu-control.ts';
import type { Answer } from './answer.ts';

/** The calls that a thread answers while it runs no program. Served by comlink, off the interrupt path. */
export type ThreadConsole = {
  /** Loads and prepares the thread's program. */
  boot(): Promise<Answer<void>>;
  /**
   * Runs the program, and blocks its thread meanwhile. A vCPU answers its exit reason (KVM_RUN); a program, its result.
   */
  run(): Answer<unknown>;
  /** Ends the thread. */
  close(): void;
};

/** The console of a vCPU. */
export type VcpuConsole = ThreadConsole & {
  run(): Answer<ExitReason>;
  registers(): Answer<Readonly<Record<string, number>>>;
  counters(): Answer<VcpuCounters>;
};
