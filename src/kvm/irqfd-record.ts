import type { DeviceId } from '../arch/intid.ts';
import { EVENT_COUNT } from '../memory/event-count.ts';
import { EVENTFD as EVENTFD_KIND } from '../memory/eventfd.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { MUTEX } from '../memory/mutex.ts';
import { slotsWords } from '../memory/slots.ts';
import { summaryBitmapWords } from '../memory/summary-bitmap.ts';
import { fdRegion } from './fds.ts';
import type { Fd } from './gsi.ts';
import { hooksRegion } from './hooks.ts';
import { type ResamplerRegions, resamplerRegions } from './resamplers.ts';

/** Optional arguments of KVM_IRQFD. */
export type IrqFdOptions = {
  /** RESAMPLE: the eventfd that is written at each EOI of the level-triggered interrupt. */
  readonly resamplefd?: Fd | undefined;
  /** The DeviceID of the source, in the design whose call carries one. */
  readonly deviceId?: DeviceId | undefined;
};

/** An irqfd: one cache line, written at assignment and when its route changes, read at each signal. */
export const RECORD_WORDS = LINE;
export const EVENTFD = 0;
export const GSI = 1;
/** The resamplefd and 1, or 0 for a plain irqfd. */
export const RESAMPLEFD = 2;
/** Kind and generation of the resamplefd when it was assigned. */
export const RESAMPLEFD_STATE = 3;
/** The DeviceID of a `direct` irqfd, -1 for none. */
export const DEVICE = 4;
/** The sequence count of the copy of the route, which follows. */
export const SEQUENCE = 5;
export const ROUTE = 6;

/** The process's file descriptors, and the counts of its eventfds: VMs of one process share them. */
export type ProcessRegions = { readonly fds: Region; readonly eventfds: readonly Region[] };

export function processRegions(layout: Layout, eventfds: number): ProcessRegions {
  return {
    fds: fdRegion(layout, eventfds),
    eventfds: Array.from({ length: eventfds }, (_, fd) => layout.place(`eventfd${fd}`, EVENTFD_KIND)),
  };
}

export type IrqFdRegions = ProcessRegions & {
  /** By eventfd: see {@link Hooks}. */
  readonly hooks: Region;
  readonly slots: Region;
  readonly records: Region;
  /** Irqfds whose copy of the route is kept up to date. */
  readonly active: Region;
  /** Irqfds whose injection a thread left to the main thread. */
  readonly work: Region;
  /** Eventfds that were written and left to the main thread. */
  readonly rung: Region;
  /** The bell on which the main thread sleeps. */
  readonly bell: Region;
  /** Held over assignment, deassignment and refreshing. KVM: irqfds.lock. */
  readonly lock: Region;
  /** Held while a left injection runs; a deassignment waits for it. KVM: flush_work(). */
  readonly workLock: Region;
  readonly resamplers: ResamplerRegions;
};

/** Adds room for the irqfds of a VM: each of `eventfds` eventfds may be one. */
export function irqFdRegions(
  layout: Layout,
  eventfds: number,
  gsis: number,
  process: ProcessRegions = processRegions(layout, eventfds),
): IrqFdRegions {
  return {
    ...process,
    hooks: hooksRegion(layout, eventfds),
    slots: layout.region('irqfd.slots', slotsWords(eventfds)),
    records: layout.region('irqfd.records', (eventfds + 1) * RECORD_WORDS),
    active: layout.region('irqfd.active', Math.ceil((eventfds + 1) / 32)),
    work: layout.region('irqfd.work', summaryBitmapWords(eventfds + 1)),
    rung: layout.region('irqfd.rung', summaryBitmapWords(Math.max(1, eventfds))),
    bell: layout.place('main.bell', EVENT_COUNT),
    lock: layout.place('irqfd.lock', MUTEX),
    workLock: layout.place('irqfd.workLock', MUTEX),
    resamplers: resamplerRegions(layout, eventfds, gsis),
  };
}
