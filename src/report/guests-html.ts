import { passed } from '../conformance/guests/guests-result.ts';
import type { GuestResult, GuestsResult } from '../conformance/index.ts';
import { tableCard } from './html/figure.ts';
import { type Part, page } from './html/page.ts';
import { count, plural, time } from './units.ts';

/** The result of `irqloom guests`: one HTML file. */
export function guestsHtml({ guests, failed }: GuestsResult): string {
  const sum = (read: (guest: GuestResult) => number) => guests.reduce((all, guest) => all + read(guest), 0);
  return page({
    title:
      failed === 0
        ? 'Every guest got the expected interrupts'
        : 'A guest did not get the expected interrupts',
    text: 'Each guest makes the checks of a public test suite, with every vCPU in a worker thread; the delivered interrupts are compared with the expected ones.',
    verdict:
      failed === 0
        ? { kind: 'good', text: `${plural(guests.length, 'guest')}: all as they should be` }
        : { kind: 'bad', text: `${count(failed)} of ${plural(guests.length, 'guest')} failed` },
    tiles: [
      { name: 'guests', value: count(guests.length), more: `${count(failed)} failed` },
      { name: 'delivered', value: count(sum(({ delivered }) => delivered)), more: 'interrupts' },
      { name: 'time', value: time(sum(({ seconds }) => seconds) * 1e9) },
    ],
    parts: [...guests.flatMap(wrongPart), { title: 'All guests', cards: [allCard(guests)] }],
    notes: ['irqloom guests.'],
  });
}

function allCard(guests: readonly GuestResult[]): string {
  return tableCard(
    'guests',
    'Expected and delivered',
    'Missing did not come; extra came more often than expected; unexpected should not come at all; spurious acknowledges returned no interrupt though the vCPU was signalled.',
    {
      narrow: ['guest', 'result', 'expected', 'delivered'],
      head: [
        'guest',
        'result',
        'expected',
        'delivered',
        'missing',
        'extra',
        'unexpected',
        'spurious',
        'vCPUs',
        'time',
      ],
      rows: guests.map((guest) => [
        guest.name,
        passed(guest) ? 'ok' : 'FAILED',
        count(guest.expected),
        count(guest.delivered),
        count(guest.missing),
        count(guest.extra),
        count(guest.unexpected),
        count(guest.spurious),
        String(guest.vcpus),
        time(guest.seconds * 1e9),
      ]),
    },
  );
}

function wrongPart(guest: GuestResult): Part[] {
  if (passed(guest)) return [];
  const rows = guest.wrong.map(({ vcpu, intid, expected, got }) => [
    String(vcpu),
    intid < 0 ? 'none' : String(intid),
    count(expected),
    count(got),
  ]);
  const table = { head: ['vCPU', 'INTID', 'expected', 'got'], rows };
  const text = guest.failure ?? 'deliveries are wrong';
  return [
    {
      title: `Failed: ${guest.name}`,
      cards: [tableCard(`wrong-${guest.name}`, 'Deliveries that are wrong', text, table)],
    },
  ];
}
