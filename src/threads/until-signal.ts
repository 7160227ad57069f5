import type { IrqFds } from '../kvm/irqfds.ts';

/** The part of the irqfds on which the main thread sleeps. */
export type Signalled = Pick<IrqFds, 'bell' | 'anyPending'>;

/**
 * Announces that the main thread is about to sleep, then looks at the eventfds once more. Returns the ticket to sleep
 * with; undefined if there is work after all.
 *
 * Why no signal is slept past: a writer adds to its eventfd and then looks for sleepers; the main thread announces
 * itself and then looks at the eventfds. One of the two sees the other: see {@link EventCount}.
 */
function ticketToSleep(irqfds: Signalled, isOver: () => boolean): number | undefined {
  const ticket = irqfds.bell.announce();
  // guard: nap-looks-again
  if (!irqfds.anyPending && !isOver()) return ticket;
  irqfds.bell.withdraw();
  return undefined;
}

/** Sleeps until an eventfd is left to the main thread or `isOver` says so, at most `timeoutMs`. Blocks the thread. */
export function sleepUntilSignal(irqfds: Signalled, isOver: () => boolean, timeoutMs?: number): void {
  const ticket = ticketToSleep(irqfds, isOver);
  if (ticket !== undefined) irqfds.bell.park(ticket, timeoutMs);
}

/** The same in the event loop, without a bound. The caller keeps the process alive. */
export async function awaitSignal(irqfds: Signalled, isOver: () => boolean): Promise<void> {
  const ticket = ticketToSleep(irqfds, isOver);
  if (ticket !== undefined) await irqfds.bell.parkAsync(ticket);
}
