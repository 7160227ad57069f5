import type { Readers } from '../memory/readers.ts';
import type { Injector } from './injector.ts';
import type { Irqchip } from './irqchip.ts';
import type { Resamplers } from './resamplers.ts';

/**
 * `inline`: the thread that writes the eventfd routes and injects; `main`: the writer leaves both to the main thread.
 */
export type Dispatch = 'main' | 'inline';

/** The parts of {@link IrqFds}. */
export type IrqFdParts = {
  readonly readers: Readers;
  /** The number of the calling thread among the machine's threads. */
  readonly reader: number;
  readonly irqchip: Irqchip;
  readonly injector: Injector;
  readonly resamplers: Resamplers;
  readonly dispatch: Dispatch;
  /** Whether an eventfd takes one irqfd over all VMs (Linux 6.17 on), or one of each VM. */
  readonly exclusive?: boolean;
};
