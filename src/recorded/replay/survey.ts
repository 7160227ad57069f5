import { FIRST_LPI, type Intid } from '../../arch/intid.ts';
import type { GuestEvent } from '../trace/guest-event.ts';
import type { GuestTrace } from '../trace/guest-trace.ts';

/** The vCPU and the handler of each event of a recording, before the events are put into an order. */
export type Survey = {
  /** By row: the vCPU of the event; -1 for devices. A recording does not tell the vCPU of GICD and GITS accesses. */
  readonly vcpu: Int16Array;
  /** By row: the acknowledge whose handler contains the event, on the same vCPU; else -1. An EOI is in its own. */
  readonly block: Int32Array;
  /**
   * Acknowledges that must not come early: those that never end, because nothing comes after them, and those during
   * whose handlers a vCPU writes registers that concern them.
   */
  readonly special: ReadonlySet<number>;
};

/** Whether an acknowledge that returns this INTID has returned an interrupt. */
export const isInterrupt = (intid: Intid) => intid < 1020 || intid >= FIRST_LPI;

/** Whether an event sets up the controller: a register, a command, a byte of a table. */
function isControl({ op }: GuestEvent): boolean {
  return op === 'read' || op === 'write' || op === 'command' || op === 'lpi-config' || op === 'icc';
}

/**
 * Surveys a recording. Assigns an access to GICD or GITS to the vCPU of the last event before it. That is a guess, and
 * suffices: these accesses keep their order on any vCPU.
 */
export function survey({ events, header }: GuestTrace): Survey {
  const vcpu = new Int16Array(events.length).fill(-1);
  const block = new Int32Array(events.length).fill(-1);
  const special = new Set<number>();
  /** By acknowledge: the handlers that ran on other vCPUs at the time. */
  const beside = new Map<number, readonly number[]>();
  const open: { row: number; intid: Intid }[][] = Array.from({ length: header.cpus }, () => []);
  let last = 0;
  events.forEach((event, row) => {
    const owner = ownerOf(event, last);
    vcpu[row] = owner;
    if (owner < 0) return;
    if (!isControl(event) || event.op === 'icc') last = owner;
    const mine = open[owner] ?? [];
    block[row] = mine.at(-1)?.row ?? -1;
    if (event.op === 'iar') {
      block[row] = -1;
      beside.set(
        row,
        open.flatMap((blocks) => blocks.map((other) => other.row)),
      );
      if (isInterrupt(event.intid)) mine.push({ row, intid: event.intid });
    } else if (event.op === 'eoi') {
      const index = mine.findLastIndex(({ intid }) => intid === event.intid);
      block[row] = mine[index]?.row ?? -1;
      if (index >= 0) mine.splice(index, 1);
    } else if (event.op !== 'read' && isControl(event)) {
      // A write in a handler, or on another vCPU while a handler runs: the handler that it concerns must not run early.
      for (const blocks of open) for (const { row: iar } of blocks) special.add(iar);
    }
  });
  for (const blocks of open) for (const { row } of blocks) special.add(row);
  // A special acknowledge waits for everything before it, and later items wait for it. So handlers beside it are
  // special too.
  for (const row of special) for (const other of beside.get(row) ?? []) special.add(other);
  return { vcpu, block, special };
}

function ownerOf(event: GuestEvent, last: number): number {
  switch (event.op) {
    case 'msi':
    case 'line':
      return -1;
    case 'read':
    case 'write':
      return event.cpu >= 0 ? event.cpu : last;
    case 'command':
    case 'lpi-config':
      return last;
    default:
      return event.cpu;
  }
}
