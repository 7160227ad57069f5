import type { Interrupts } from './interrupts.ts';

/** Where a CPU interface finds its interrupts: the list of its vCPU, or list registers that are filled from the list. */
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
