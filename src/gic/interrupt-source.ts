import type { Interrupts } from './interrupts.ts';

/** The interrupts that a CPU interface takes: its vCPU's list, or the list registers filled from that list. */
export type InterruptSource = Pick<
  Interrupts,
  | 'find'
  | 'best'
  | 'stateFound'
  | 'take'
  | 'deactivate'
  | 'settle'
  | 'wantsLook'
  | 'forwarding'
  | 'state'
  | 'forEachListed'
>;
