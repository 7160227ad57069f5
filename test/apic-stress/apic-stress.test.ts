/** The stress run of x86: on real threads with the proof, and each fault of its board. */
import { expect, test } from 'vitest';
import { runApicStress } from '../../src/apic-stress/index.ts';
import { ApicBoard } from '../../src/board/apic-board.ts';
import { FAULTS, type Fault } from '../../src/board/config.ts';
import { held } from '../../src/stress/index.ts';
import { LEVEL, program } from '../apic/rig.ts';

const OPTIONS = {
  input: { vcpus: 2, devices: 2, events: 4 },
  spis: 8,
  lines: 'both',
  iterations: 0,
  churn: 'heavy',
  dispatch: 'both',
  perturb: 'mixed',
  seed: 1,
} as const;

/** Runs until a violation is seen, at most so long. */
function run(fault: Fault, seconds: number) {
  const abort = new AbortController();
  return runApicStress(
    { ...OPTIONS, fault, seconds },
    {
      signal: abort.signal,
      glance: ({ violations }) => {
        if (violations > 0) abort.abort();
      },
    },
  );
}

test('on x86 every signal is followed by its delivery, while entries, routes and irqfds change', async () => {
  const result = await run('none', 1.2);
  expect(result.violations).toEqual([]);
  expect(held(result)).toBe(true);
  expect(result.config).toMatchObject({ irqchip: 'ioapic', eventsAs: 'vector', spis: 8 });
  expect(result.delivered).toBeGreaterThan(0);
  expect(result.lines).toMatchObject({ lines: 2, shared: 1, stuck: 0, lostLevels: 0 });
  for (const kind of ['moves', 'routeUpdates', 'masks', 'toggles'] as const)
    expect(result.churn[kind], kind).toBeGreaterThan(0);
}, 60_000);

test('where the end of a level is lost now and then, the run finds it', async () => {
  const result = await run('lost-ack', 20);
  expect(held(result)).toBe(false);
  expect(result.violations[0]?.kind).toMatch(/spurious|stranded|lost/);
}, 60_000);

test('a topology that an IOAPIC or its vectors have no room for is refused', async () => {
  const refused = (more: object) =>
    runApicStress({ ...OPTIONS, fault: 'none', seconds: 1, ...more }).catch((error: Error) => error.message);
  expect(await refused({ spis: 25 })).toContain('room for 24 wires, the pins of the IOAPIC, not 25');
  const wide = { input: { vcpus: 2, devices: 40, events: 5 } };
  expect(await refused(wide)).toContain('room for 199 events and wires, a vector each, not 208');
});

const PIN = 5;
const MESSAGES = 2048;

/** What becomes of many messages and ends on a board with a fault, one at a time and in one thread. */
function became(fault: Fault) {
  const board = ApicBoard.create({ vcpus: 2, eventfds: 4, threads: 1, dispatch: 'inline', fault });
  const { vm, apic } = board;
  vm.createIrqchip();
  for (const local of apic.local) local.enable();
  const msi = (data: number) => ({ gsi: 30, type: 2, flags: 0, address: 0xfee0_0000, data });
  const pin = { gsi: PIN, type: 1, flags: 0, irqchip: 2, pin: PIN };
  board.setGsiRouting({ flags: 0, entries: [msi(0x41), pin] });
  program(apic, PIN, 0x51 + LEVEL, 1);
  vm.assignIrqFd(0, 30);
  vm.assignIrqFd(1, PIN, { resamplefd: 2 });
  board.setGsiRouting({ flags: 0, entries: [msi(0x42), pin] });
  const takeAll = (vcpu: number) => {
    const taken: number[] = [];
    for (let left = 4; left > 0; left--) {
      const vector = board.local(vcpu).acknowledge();
      if (vector < 0) break;
      taken.push(vector);
      board.endOfInterrupt(vcpu);
    }
    return taken;
  };
  const seen = { missing: 0, elsewhere: 0, twice: 0, stale: 0, unheard: 0, unrung: 0 };
  for (let message = 0; message < MESSAGES; message++) {
    const { bell } = board.local(0);
    const ticket = bell.announce();
    vm.irqfds.write(0);
    // Nobody sleeps: a bell that was rung has moved on, so this returns at once; the others time out.
    if (!bell.park(ticket, 0)) seen.unrung++;
    const [here, beside] = [takeAll(0), takeAll(1)];
    if (here.length + beside.length === 0) seen.missing++;
    if (beside.length > 0) seen.elsewhere++;
    if (here.length > 1) seen.twice++;
    if (here.includes(0x41)) seen.stale++;
    vm.irqfds.write(1);
    vm.irqfds.dispatchPending();
    takeAll(1);
    if (vm.irqfds.eventfd(2).tryRead() === 0n) seen.unheard++;
  }
  return seen;
}

const NOTHING = { missing: 0, elsewhere: 0, twice: 0, stale: 0, unheard: 0, unrung: 0 };

test.each([
  ['none', NOTHING],
  ['drop-kick', { ...NOTHING, unrung: 409 }],
  ['stale-route', { ...NOTHING, stale: MESSAGES }],
] as const)('of messages one at a time, the fault %s makes %j', (fault, expected) => {
  expect(became(fault)).toEqual(expected);
});

test.each([
  ['drop-pending', 'missing'],
  ['wrong-vcpu', 'elsewhere'],
  ['double', 'twice'],
  ['lost-ack', 'unheard'],
] as const)('of messages one at a time, the fault %s leaves some %s', (fault, what) => {
  expect(became(fault)[what]).toBeGreaterThan(0);
});

test('every fault is one of a board of x86', () => {
  expect(FAULTS).toEqual([
    'none',
    'drop-kick',
    'drop-pending',
    'stale-route',
    'wrong-vcpu',
    'double',
    'lost-ack',
  ]);
});
