import { passed } from '../conformance/guests/guests-result.ts';
import type { GuestResult, GuestsResult } from '../conformance/index.ts';
import { table } from './table.ts';
import { count, plural, time } from './units.ts';

/** The result of `irqloom guests`, as text for people. */
export function guestsText({ guests, failed, interrupted }: GuestsResult): string {
  const lines = [
    table(
      ['guest', 'vCPUs', 'expected', 'delivered', 'missing', 'extra', 'unexpected', 'spurious', 'time', ''],
      guests.map((guest) => [
        guest.name,
        String(guest.vcpus),
        count(guest.expected),
        count(guest.delivered),
        count(guest.missing),
        count(guest.extra),
        count(guest.unexpected),
        count(guest.spurious),
        time(guest.seconds * 1e9),
        passed(guest) ? 'ok' : 'FAILED',
      ]),
      [1, 8, 7, 5, 6, 4, 2, 3],
    ),
    ...guests.flatMap(wrongLines),
    '',
    failed === 0
      ? `${plural(guests.length, 'guest')}: all as they should be`
      : `${count(failed)} of ${plural(guests.length, 'guest')} failed`,
    ...(interrupted ? ['interrupted: the other guests were not run'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function wrongLines(guest: GuestResult): string[] {
  if (passed(guest)) return [];
  return [
    '',
    `${guest.name}: ${guest.failure ?? 'deliveries are wrong'}`,
    ...guest.wrong.map(
      ({ vcpu, intid, expected, got }) =>
        `  vCPU ${vcpu}, INTID ${intid < 0 ? 'of no number that is counted' : intid}: expected ${expected}, got ${got}`,
    ),
  ];
}
