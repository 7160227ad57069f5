/** Console output of a kernel that reports a fault of its own: warnings, oopses, stalls, lockdep, KCSAN. */
const ALARM =
  /WARNING: |BUG: |Oops|Kernel panic|blocked for more than|rcu: INFO|detected stall|possible circular locking|KCSAN/;

export function isAlarm(line: string): boolean {
  return ALARM.test(line);
}
