import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, encodeCommand, gits, Machine, restoreSnapshot } from '../../src/index.ts';
import { booted, fixture, reached } from './rig.ts';

const FIRST_LPI = 8192;
const oneByOne = fixture('one-by-one.mjs');

describe('a machine of a guest and devices of its own', () => {
  test.each([
    [1, 'inline'],
    [4, 'inline'],
    [1, 'main'],
    [4, 'main'],
  ] as const)('%i vCPUs, dispatch %s: a delivery follows every signal', async (vcpus, dispatch) => {
    const { machine, words } = await booted({ vcpus, devices: 2, device: oneByOne, dispatch });
    const result = await machine.run();
    expect(result).toMatchObject({ signals: 400, deliveries: 400, coalesced: 0, left: 0, unjudged: 0 });
    expect(result.latencyNs.count).toBe(400);
    expect(result.devices).toEqual(
      [0, 1].map((device) => ({ device, signals: 200, deliveries: 200, coalesced: 0 })),
    );
    for (const { deliveries, taken } of result.vcpus) {
      expect(deliveries).toBe(400 / vcpus);
      expect(taken).toBe(400 / vcpus);
    }
    for (const { intid } of machine.events) expect(words[intid % words.length], `INTID ${intid}`).toBe(50);
    expect(machine.stats()).toMatchObject({ signals: 400, deliveries: 400 });
    await machine.close();
  });

  test('signals in a burst may share a delivery, and the last of them is delivered', async () => {
    const { machine, words } = await booted({ vcpus: 2, devices: 2, device: fixture('burst.mjs') });
    const { signals, deliveries, coalesced } = await machine.run();
    expect(signals).toBe(10_000);
    expect(deliveries + coalesced).toBe(signals);
    expect(words.reduce((sum, count) => sum + count, 0)).toBe(deliveries);
  });

  test('a machine has one vCPU and one device where the caller asks for nothing else', async () => {
    const { machine } = await booted({ device: fixture('one-signal.mjs') });
    expect(machine.events).toHaveLength(4);
    expect(await machine.run()).toMatchObject({ signals: 1, deliveries: 1 });
    expect(await machine.finished).toBe(await machine.run());
  });

  test('start runs on every vCPU before the first interrupt, and an SGI reaches the others', async () => {
    const { machine, words } = await booted({
      vcpus: 3,
      guest: fixture('started-guest.mjs'),
      device: fixture('one-signal.mjs'),
    });
    expect(words[0]).toBe(3);
    await machine.run();
    await reached(words, 1, 2);
    await machine.close();
  });

  test('a CommonJS module is a guest too', async () => {
    const { machine } = await booted({ guest: fixture('guest.cjs'), device: fixture('one-signal.mjs') });
    expect(await machine.run()).toMatchObject({ deliveries: 1 });
  });

  test('once its guest has stopped, a vCPU takes nothing more, and devices are told', async () => {
    const { machine } = await booted({
      guest: fixture('stopping-guest.mjs'),
      device: fixture('endless-device.mjs'),
    });
    const { vcpus, deliveries } = await machine.run();
    expect(vcpus[0]).toMatchObject({ stopped: true, taken: 10 });
    expect(deliveries).toBe(10);
    await machine.close();
  });
});

describe('calls of userland on a running machine', () => {
  test('a machine without devices takes wires', async () => {
    const { machine, words } = await booted({ vcpus: 2 });
    expect(machine.events).toEqual([]);
    expect(await machine.run()).toMatchObject({ signals: 0, deliveries: 0, devices: [] });
    machine.irqLine(40, true);
    await reached(words, 40, 1);
    await machine.close();
  });

  test('an irqfd takes a route that the caller adds, and gives way when it is deassigned', async () => {
    const { machine, words } = await booted({ vcpus: 2, devices: 1, device: fixture('one-signal.mjs') });
    await machine.run();
    const [event] = machine.events;
    const [fd, gsi] = [machine.spare.fds.first, machine.spare.gsis.first];
    machine.setGsiRouting([...machine.routes, { type: 'msi', gsi, deviceId: event?.deviceId ?? 0, data: 3 }]);
    machine.irqfd(fd, gsi);
    machine.write(fd);
    await reached(words, FIRST_LPI + 3, 1);
    expect(() => machine.irqfd(fd, gsi)).toThrow('EBUSY');
    machine.irqfd(fd, gsi, { deassign: true });
    machine.irqfd(fd, event?.gsi ?? 0);
    machine.write(fd);
    await reached(words, FIRST_LPI, 2);
    await machine.close();
  });

  test('an MSI, a wire and a command of the ITS each lead to an interrupt', async () => {
    const { machine, words } = await booted({ vcpus: 2, devices: 1, device: fixture('one-signal.mjs') });
    await machine.run();
    const deviceId = machine.events[0]?.deviceId ?? 0;
    expect(machine.signalMsi({ deviceId, data: 1 })).toBe(1);
    await reached(words, FIRST_LPI + 1, 1);
    machine.irqLine(33, true);
    await reached(words, 33, 1);
    machine.sendIts({ name: 'INT', deviceId, eventId: 2 });
    await reached(words, FIRST_LPI + 2, 1);
    expect(() => machine.signalMsi({ deviceId, data: 1, address: 0 })).toThrow('EINVAL');
    await machine.close();
  });

  test('an event whose route is changed is no longer judged', async () => {
    const { machine } = await booted({ devices: 1, device: oneByOne });
    machine.setGsiRouting(machine.routes.filter(({ gsi }) => gsi !== machine.events[3]?.gsi));
    machine.setGsiRouting([
      ...machine.routes,
      {
        type: 'msi',
        gsi: machine.events[3]?.gsi ?? 0,
        deviceId: machine.events[3]?.deviceId ?? 0,
        data: 3,
      },
    ]);
    expect(await machine.run()).toMatchObject({ unjudged: 1, signals: 200, deliveries: 200 });
  });

  test('a snapshot is a machine, before the run and after it, and the vCPUs go on', async () => {
    const { machine, words } = await booted({ vcpus: 2, devices: 1, device: fixture('one-signal.mjs') });
    const early = await machine.snapshot();
    await machine.run();
    const late = restoreSnapshot(await machine.snapshot());
    expect(restoreSnapshot(early).control(0).taken).toBe(0);
    expect(late.control(0).taken).toBe(1);
    machine.write(machine.events[1]?.fd ?? 0);
    await reached(words, FIRST_LPI + 1, 1);
    await machine.close();
  });

  test('a snapshot is refused while devices run', async () => {
    const { machine } = await booted({ device: fixture('endless-device.mjs') });
    machine.run().catch(() => undefined);
    await expect(machine.snapshot()).rejects.toMatchObject({
      code: 'ERR_SNAPSHOT',
      message: expect.stringContaining('device0'),
    });
    await machine.close();
    await expect(machine.finished).rejects.toMatchObject({ code: 'ERR_WAIT_ABORTED' });
  });
});

test('the main entry has the parts to build a machine by hand', () => {
  const machine = Machine.create(DEFAULT_CONFIG);
  expect(machine.bus.read(DEFAULT_CONFIG.itsBase + gits.CTLR, 4)).not.toBeUndefined();
  expect(encodeCommand({ name: 'SYNC', rdbase: 0 })).toHaveLength(8);
});
