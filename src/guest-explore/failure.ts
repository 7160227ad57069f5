import { isAlarm } from '../boot/alarms.ts';

/**
 * How a schedule can be wrong. `exit-status`: the guest powered off with another status than 0. `report`: it wrote a line
 * that says so (see {@link isReport}). `deadlock`: every vCPU sleeps or is off, no timer is set, and nothing is under way.
 * `livelock`: every vCPU goes round a loop that nothing changes any more. `stuck`: a vCPU only takes exceptions.
 */
export const FAILURE_KINDS = ['exit-status', 'report', 'deadlock', 'livelock', 'stuck', 'reset'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

export type Wrong = { readonly kind: FailureKind; readonly message: string };

/** Whether a line of the console says that something is wrong: a kernel's alarm, a failed check of TAP, lost interrupts. */
export function isReport(line: string): boolean {
  return isAlarm(line) || /^not ok\b|^guest: lost [1-9]/.test(line);
}
