import type { Fd } from '../kvm/gsi.ts';
import { RECORD_WORDS } from '../kvm/irqfd-record.ts';
import { EVENTFD_WORDS } from '../memory/eventfd.ts';
import type { Design } from './design.ts';

/** Bytes of shared memory for one source of a design, by purpose. */
export type SourceMemory = {
  /** The eventfd's count and its sleepers: the same in every design. */
  readonly eventfd: Fd;
  /** The irqfd's line with its route: the same in every design, because a record has a cache line of its own. */
  readonly irqfd: Fd;
  /** The share of `irqfd` that the design needs to find the interrupt. */
  readonly route: number;
  /** Entries of the table, both copies. */
  readonly table: number;
};

const BYTES = 4;

export function memoryPerSource({ wordsPerSource }: Design): SourceMemory {
  return {
    eventfd: EVENTFD_WORDS * BYTES,
    irqfd: RECORD_WORDS * BYTES,
    route: wordsPerSource.irqfd * BYTES,
    table: wordsPerSource.table * BYTES,
  };
}
