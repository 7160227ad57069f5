import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runOwnStress } from '../../src/harness/index.ts';
import { held } from '../../src/stress/index.ts';
import { fixture } from './rig.ts';

const path = (name: string) => fileURLToPath(fixture(name));
const GUEST = path('counting-guest.mjs');
const DEVICE = path('again-and-again.mjs');

/** A short run on two vCPUs and two devices with four events each. */
const run = (options: Partial<Parameters<typeof runOwnStress>[0]>, signal?: AbortSignal) =>
  runOwnStress(
    {
      input: { vcpus: 2, devices: 2, events: 4 },
      sharedBytes: 65_536,
      seconds: 1.5,
      iterations: 0,
      churn: 'heavy',
      dispatch: 'inline',
      seed: 5,
      fault: 'none',
      ...options,
    },
    signal === undefined ? {} : { signal },
  );

describe('stress with code of a user', () => {
  test('an own guest takes what the load generator signals, while the driver moves its events', async () => {
    const result = await run({ guest: GUEST });
    expect(held(result)).toBe(true);
    expect(result.config).toMatchObject({ guest: GUEST, events: 8, spis: 0 });
    expect(result.config).not.toHaveProperty('device');
    expect(result.delivered).toBeGreaterThan(0);
    const { moves, remaps, routeUpdates } = result.churn;
    expect(moves + remaps + routeUpdates).toBeGreaterThan(0);
  });

  test('an own device signals the guest of the load generator, and its run is called again', async () => {
    const result = await run({ device: DEVICE });
    expect(held(result)).toBe(true);
    expect(result.config).toMatchObject({ device: DEVICE });
    expect(result.config).not.toHaveProperty('guest');
    // One call signals eight times.
    expect(result.injected).toBeGreaterThan(2 * 8);
  });

  test('iterations bound the calls of run, and each of its signals is counted', async () => {
    const result = await run({ guest: GUEST, device: DEVICE, iterations: 3, churn: 'none', seconds: 30 });
    expect(held(result)).toBe(true);
    expect(result.injected).toBe(2 * 3 * 8);
    expect(result.seconds).toBeLessThan(30);
  });

  test('a guest that asks which event an INTID is gets the right one, though events have new INTIDs', async () => {
    const result = await run({ guest: path('asking-guest.mjs'), device: DEVICE, perturb: 'mixed' });
    expect(held(result)).toBe(true);
    expect(result.churn.remaps + result.churn.routeUpdates).toBeGreaterThan(0);
  });

  test('a device whose run signals nothing is not called again', async () => {
    const result = await run({ device: path('idle-device.mjs'), seconds: 30 });
    expect(result).toMatchObject({ injected: 0, delivered: 0 });
    expect(result.seconds).toBeLessThan(30);
  });
});

describe('a machine that breaks a rule is found out by a guest and devices of a user', () => {
  test.each([
    ['double', 'spurious'],
    ['wrong-vcpu', 'misrouted'],
    ['drop-pending', 'lost'],
  ] as const)('%s: %s', async (fault, kind) => {
    const result = await run({ guest: GUEST, device: DEVICE, fault, seconds: 6 });
    expect(held(result)).toBe(false);
    expect(result[kind]).toBeGreaterThan(0);
    expect(result.violations.map((violation) => violation.kind)).toContain(kind);
  });
});

test('a run that is aborted while a guest loads, here for ever, has a result without counts', async () => {
  const guest = fileURLToPath(new URL('../fixtures/campaign/never-loads.mjs', import.meta.url));
  const result = await run({ guest }, AbortSignal.abort());
  expect(result).toMatchObject({ interrupted: true, injected: 0, delivered: 0, lost: 0 });
  expect(result.config).toMatchObject({ guest });
});

describe('code that fails ends the run with its name', () => {
  test.each([
    [{ guest: path('throwing-guest.mjs') }, 'ERR_THREAD_DIED', 'throwing-guest.mjs:2'],
    [{ device: path('throwing-device.mjs') }, 'ERR_THREAD_DIED', 'throwing-device.mjs:2'],
    [{ guest: path('stopping-guest.mjs') }, 'ERR_UNSUPPORTED', 'cpu.stop'],
    [{ device: path('one-by-one.mjs') }, 'ERR_UNSUPPORTED', 'signalMsi'],
    [{ guest: path('misnamed-guest.mjs') }, 'ERR_SCENARIO', 'exports no function interrupt'],
    [{ device: path('no-such-device.mjs') }, 'ERR_FILE', '--device'],
  ])('%j', async (modules, code, says) => {
    const input = { vcpus: 1, devices: 1, events: 2 };
    const running = run({ ...modules, input });
    await expect(running).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });
});
