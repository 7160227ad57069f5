import { isAlarm } from '../boot/alarms.ts';

/**
 * How a schedule can fail. `exit-status`: the guest powered off with a status other than 0. `report`: the guest wrote a line that
 * reports a failure ({@link isReport}). `deadlock`: every vCPU sleeps or is off, no timer is set, no device has work. `livelock`: every
 * vCPU loops forever. `stuck`: every instruction of a vCPU takes an exception.
 */
export const FAILURE_KINDS = ['exit-status', 'report', 'deadlock', 'livelock', 'stuck', 'reset'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

export type Wrong = { readonly kind: FailureKind; readonly message: string };

/** Whether a line of the console reports a failure: a kernel's alarm, a failed TAP check, lost interrupts. */
export function isReport(line: string): boolean {
  return isAlarm(line) || /^not ok\b|^guest: lost [1-9]/.test(line);
}
