import type { Fd } from '../kvm/gsi.ts';
import { RECORD_WORDS } from '../kvm/irqfd-record.ts';
import { EVENTFD_WORDS } from '../memory/eventfd.ts';
import type { Design } from './design.ts';

/** Bytes of shared memory for one source of a design, by what they are for. */
export type SourceMemory = {
  /** The eventfd's count and where its readers sleep: the same in every design. */
  readonly eventfd: Fd;
  /** The irqfd's line, the route in it included: the same too, because a record has a cache line of its own. */
  readonly irqfd: Fd;
  /** Of these, what the design needs of the irqfd to find the interrupt. */
  readonly route: number;
  /** Entries of the table, in both copies. */
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
