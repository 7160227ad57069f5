import type { ExitReason } from '../board/vcpu.ts';
import type { VcpuCounters } from '../board/vcpu-control.ts';
import type { Answer } from './answer.ts';

/** What a thread answers to while it is not running. Served by comlink, off the interrupt path. */
export type ThreadConsole = {
  /** Loads and prepares its program. */
  boot(): Promise<Answer<void>>;
  /**
   * Runs it, and blocks its thread while it does. A vCPU answers why it left its guest (KVM_RUN); a program answers what
   * it returned.
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
