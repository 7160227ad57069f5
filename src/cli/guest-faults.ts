import { IrqError } from '../base/irq-error.ts';
import type { Fault } from '../board/config.ts';

/** Of the guests that run on AArch64 cores: faults that no run of theirs can show, and why. */
const HIDDEN: Readonly<Record<string, Partial<Record<Fault, string>>>> = {
  bare: { 'lost-ack': 'the guest has no line that resamples' },
  linux: {
    'lost-ack': 'the guest has no line that resamples',
    'stale-route': 'Linux never changes the message of a vector in use; --guest bare does',
  },
};

/**
 * Refuses a fault that a guest cannot show: the run would hold, and say nothing.
 * @throws IrqError `ERR_USAGE`
 */
export function checkGuestFault(guest: string | undefined, fault: Fault): void {
  const why = HIDDEN[guest ?? '']?.[fault];
  if (why !== undefined)
    throw new IrqError('ERR_USAGE', `--guest ${guest} cannot show --fault ${fault}: ${why}`);
}
