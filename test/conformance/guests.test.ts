import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../src/board/machine.ts';
import { GUESTS, type GuestTest } from '../../src/conformance/guests/guest-catalogue.ts';
import { passed } from '../../src/conformance/guests/guests-result.ts';
import { runGuest, runGuests } from '../../src/conformance/guests/guests-run.ts';
import { ItsDriver } from '../../src/guest/its-driver.ts';
import { guestsText } from '../../src/report/guests-text.ts';

const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const run = (...args: string[]) =>
  spawnSync(process.execPath, [CLI, 'guests', ...args], { encoding: 'utf8', timeout: 60_000 });

function named(name: string): GuestTest {
  const found = GUESTS.find((guest) => guest.name === name);
  if (!found) throw new Error(`there is no guest ${name}`);
  return found;
}

/** A guest with its parts changed. */
const changed = (name: string, change: (parts: GuestTest['parts']) => GuestTest['parts']): GuestTest => ({
  ...named(name),
  parts: change(named(name).parts),
});

function withoutDevice2(machine: Machine): Machine {
  const { bus, memory, config } = machine;
  const its = new ItsDriver(bus, memory, config.itsBase);
  its.send({ name: 'MAPD', deviceId: 2, size: 7, ittAddr: 0x4150_8000, valid: false });
  return machine;
}

describe('guests on real threads', () => {
  test.each(GUESTS.map((guest) => [guest.name, guest] as const))('%s', async (_, guest) => {
    const result = await runGuest(guest);
    expect(result.failure).toBeNull();
    expect(result.wrong).toEqual([]);
    expect(result).toMatchObject({ missing: 0, extra: 0, unexpected: 0, spurious: 0 });
    expect(passed(result)).toBe(true);
  });
});

describe('a failing guest is found', () => {
  const failing = [
    ['ipi-broadcast', 'double'],
    ['vgic-irq-injection', 'drop-pending'],
    ['vgic-irq-preemption', 'double'],
    ['vgic-irq-asym-dir', 'double'],
    ['vgic-lpi-stress', 'drop-pending'],
  ] as const;

  test.each(failing)('%s on a machine with the fault %s', async (name, fault) => {
    const result = await runGuest(named(name), { fault, patienceMs: 3_000 });
    expect(passed(result)).toBe(false);
  });

  test('missing, extra and unexpected deliveries fail a guest', async () => {
    const guest = named('ipi-list');
    const few = await runGuest({
      ...guest,
      expected: [{ vcpu: 0, intid: 2, times: 2 }, ...guest.expected.slice(1)],
    });
    expect(few).toMatchObject({
      missing: 1,
      extra: 0,
      unexpected: 0,
      wrong: [{ vcpu: 0, intid: 2, expected: 2, got: 1 }],
    });
    const other = await runGuest({ ...guest, expected: guest.expected.slice(1) });
    expect(other).toMatchObject({ missing: 0, extra: 0, unexpected: 1 });
    const many = await runGuest({ ...named('active'), expected: [{ vcpu: 0, intid: 4, times: 2 }] });
    expect(many).toMatchObject({ missing: 0, extra: 1, unexpected: 0 });
    expect(guestsText({ schemaVersion: 1, command: 'guests', guests: [few, many], failed: 2 })).toMatch(
      /ipi-list.*FAILED[\s\S]*vCPU 0, INTID 2: expected 2, got 1[\s\S]*2 of 2 guests failed/,
    );
  });

  test('a failed check ends the guest, with its message', async () => {
    const wrong = changed('its-introspection', (parts) =>
      parts.map((part) => ({ ...part, options: { idBits: 20 } })),
    );
    expect((await runGuest(wrong)).failure).toBe('vCPU 0: EventID bits is 0x10, not 0x14');
  });

  test('a migration that loses a device fails the guest', async () => {
    const forgetful = changed('its-migration', (parts) =>
      parts.map((part) => ({ ...part, ...(part.after ? { after: withoutDevice2 } : {}) })),
    );
    const result = await runGuest(forgetful);
    expect(result).toMatchObject({ missing: 1, wrong: [{ vcpu: 3, intid: 8195, expected: 2, got: 1 }] });
    expect(result.failure).toContain('LPI 8195');
  });

  test('an active state that was not restored fails the guest', async () => {
    const [first] = named('vgic-irq-restore-active').parts;
    const without = changed('vgic-irq-restore-active', () =>
      first ? [{ ...first, before: () => undefined }] : [],
    );
    expect((await runGuest(without)).failure).toContain('not active');
  });

  test('an injection that is wrongly refused or accepted fails the guest', async () => {
    const lax = changed('vgic-irq-injection-failure', (parts) =>
      parts.map((part) => ({
        ...part,
        userspace: async (machine, board, until) => {
          await until(() => board.flag(0) === 1);
          machine.gic.wires.drive(40, true);
          board.setFlag(1, 1);
        },
      })),
    );
    expect(await runGuest(lax)).toMatchObject({ unexpected: 1, failure: null });
  });

  test('a userspace that never answers fails the guest', async () => {
    const silent = changed('vgic-irq-injection-failure', (parts) =>
      parts.map((part) => ({ ...part, userspace: async () => undefined })),
    );
    expect((await runGuest(silent, { patienceMs: 500 })).failure).toContain('500 ms');
  });
});

describe('irqloom guests', () => {
  test('irqloom guests prints the chosen guests as JSON and as a table', () => {
    const json = run('ipi-self', 'vgic-irq-group', '--json');
    expect(json.status).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schemaVersion: 1,
      command: 'guests',
      failed: 0,
      guests: [{ name: 'ipi-self', missing: 0 }, {}],
    });
    const text = run('active');
    expect(text.status).toBe(0);
    expect(text.stdout).toMatch(/missing +extra +unexpected +spurious/);
  });

  test('irqloom guests refuses an unknown guest', () => {
    expect(run('ipi-slef')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean ipi-self?'),
    });
  });

  test('irqloom guests --list describes all guests', async () => {
    const { stdout } = run('--list');
    for (const { name, about } of GUESTS) expect(stdout).toContain(`${name}: ${about}`);
    expect((await runGuests([])).failed).toBe(0);
  });
});
