import { describe, expect, test } from 'vitest';
import { type BootOptions, boot, IrqError } from '../../src/index.ts';
import { booted, fixture, reached } from './rig.ts';

const guest = fixture('counting-guest.mjs');
const device = fixture('one-signal.mjs');

/** What an IrqError has to say. */
const error = (code: string, ...parts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(
      new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'), 's'),
    ),
  });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(IrqError);
  return thrown;
}

describe('a wrong option is named, with the value and what would be right', () => {
  const cases: readonly [string, unknown, string, string[]][] = [
    ['no options', undefined, 'ERR_USAGE', ['takes an object of options', 'undefined']],
    ['an unknown one', { guest, vcpu: 2 }, 'ERR_USAGE', ['no option "vcpu"', 'did you mean vcpus?']],
    ['one like none', { guest, colour: 2 }, 'ERR_USAGE', ['"colour"', 'the options are guest']],
    ['no guest', { device }, 'ERR_USAGE', ['guest is', 'exports interrupt(cpu, intid)', 'undefined']],
    ['no device', { guest, devices: 1 }, 'ERR_USAGE', ['device is', 'exports run(device)']],
    ['too few vCPUs', { guest, vcpus: 0 }, 'ERR_USAGE', ['vcpus', '1 to 512', '0']],
    ['vCPUs in words', { guest, vcpus: 'two' }, 'ERR_USAGE', ['vcpus', '1 to 512', '"two"']],
    ['half an event', { guest, events: 0.5 }, 'ERR_USAGE', ['events', '1 to 2048', '0.5']],
    [
      'an unknown dispatch',
      { guest, dispatch: 'inlin' },
      'ERR_USAGE',
      ['main, inline', 'did you mean inline?'],
    ],
    [
      'unshared memory',
      { guest, shared: new ArrayBuffer(8) },
      'ERR_USAGE',
      ['SharedArrayBuffer', 'ArrayBuffer'],
    ],
    ['a URL of the web', { guest: 'file:x', device: new URL('https://a.test/') }, 'ERR_FILE', ['guest']],
    [
      'a device of the web',
      { guest, device: new URL('https://a.test/d.mjs') },
      'ERR_USAGE',
      ['device', 'file:', 'https'],
    ],
    ['a lost module', { guest: './no-such-guest.mjs' }, 'ERR_FILE', ['guest', 'no-such-guest.mjs']],
    ['a fault of two vCPUs', { guest, fault: 'wrong-vcpu' }, 'ERR_USAGE', ['fault', '2 vCPUs']],
    [
      'too many events',
      { guest, device, devices: 512, events: 2048 },
      'ERR_CONFIG',
      ['GSIs', 'at most 4064'],
    ],
  ];

  test.each(cases)('%s', async (_, options, code, parts) => {
    expect(await failure(boot(options as BootOptions))).toEqual(error(code, ...parts));
  });
});

describe('a module that is no guest, or no device', () => {
  test('a module without the function is named, with what it exports', async () => {
    expect(await failure(booted({ guest: fixture('misnamed-guest.mjs') }))).toEqual(
      error(
        'ERR_SCENARIO',
        'misnamed-guest.mjs exports no function interrupt(cpu, intid)',
        'the module exports interupt, start',
        'did you mean interupt?',
      ),
    );
    expect(await failure(booted({ device: guest }))).toEqual(
      error('ERR_SCENARIO', 'device module', 'no function run(device)', 'the module exports interrupt'),
    );
  });

  test('a module is refused whose function is not synchronous, or that cannot be loaded', async () => {
    expect(await failure(booted({ guest: fixture('async-guest.mjs') }))).toEqual(
      error('ERR_SCENARIO', 'async-guest.mjs', 'AsyncFunction interrupt', 'synchronous'),
    );
    expect(await failure(booted({ guest: fixture('broken-guest.mjs') }))).toEqual(
      error('ERR_SCENARIO', 'broken-guest.mjs', 'cannot be loaded', 'SyntaxError'),
    );
  });
});

describe('a function that fails ends the run, and the error names thread and line', () => {
  test('a handler that throws is named with its INTID', async () => {
    const { machine } = await booted({ vcpus: 2, guest: fixture('throwing-guest.mjs'), device });
    const thrown = await failure(machine.run());
    expect(thrown).toEqual(
      error(
        'ERR_THREAD_DIED',
        'vcpu0 threw in interrupt(cpu, 8192)',
        'throwing-guest.mjs:2:',
        'TypeError: the handler is at fault',
      ),
    );
    expect((thrown as Error).stack).toContain('throwing-guest.mjs:2:');
    await machine.close();
  });

  test('a start that throws makes the boot fail', async () => {
    expect(await failure(booted({ guest: fixture('throwing-start.mjs') }))).toEqual(
      error('ERR_THREAD_DIED', 'vcpu0 threw in start(cpu)', 'throwing-start.mjs:2:', 'the start is at fault'),
    );
  });

  test('a run that throws is named with its device', async () => {
    const { machine } = await booted({ devices: 2, device: fixture('throwing-device.mjs') });
    expect(await failure(machine.run())).toEqual(
      error('ERR_THREAD_DIED', 'threw in run(device)', 'throwing-device.mjs:2:', 'RangeError'),
    );
  });

  test('a signal of an event that the device does not have is wrong usage', async () => {
    const { machine } = await booted({ device: fixture('wrong-event.mjs') });
    expect(await failure(machine.run())).toEqual(
      error('ERR_USAGE', 'device0 threw', 'wrong-event.mjs:2:', 'events 0 to 3, not 4'),
    );
  });

  test('a run that returns a promise is no synchronous function', async () => {
    const { machine } = await booted({ device: fixture('promising-device.mjs') });
    expect(await failure(machine.run())).toEqual(error('ERR_SCENARIO', 'device0', 'promise'));
  });

  test('a guest that ends its thread is named with the handler that it was in', async () => {
    const { machine } = await booted({ guest: fixture('dying-guest.mjs'), device });
    expect(await failure(machine.run())).toEqual(
      error('ERR_THREAD_DIED', 'vcpu0 died', 'in interrupt(cpu, 8192)'),
    );
    await machine.close();
  });
});

describe('a function that does not return', () => {
  test('a handler that does not return makes the run fail, past its bound', async () => {
    const { machine } = await booted({ guest: fixture('endless-guest.mjs'), device, boundMs: 300 });
    expect(await failure(machine.run())).toEqual(
      error('ERR_THREAD_SILENT', 'within 300 ms', 'vcpu0 in interrupt(cpu, 8192)'),
    );
    // The run has named it already.
    await machine.close();
  });

  test('a handler that does not return is found while its device goes on', async () => {
    const { machine } = await booted({
      guest: fixture('endless-guest.mjs'),
      device: fixture('endless-device.mjs'),
      boundMs: 300,
    });
    expect(await failure(machine.run())).toEqual(
      error('ERR_THREAD_SILENT', 'vcpu0 has not returned from interrupt(cpu, 8192) within 300 ms'),
    );
  });

  test('a device does not wait for ever for a handler that does not return', async () => {
    const { machine } = await booted({
      guest: fixture('endless-guest.mjs'),
      device: fixture('one-by-one.mjs'),
      boundMs: 300,
    });
    expect(await failure(machine.run())).toEqual(error('ERR_THREAD_SILENT', 'interrupt(cpu, 8192)'));
  });

  test('a start that does not return makes the boot fail, past its bound', async () => {
    const booting = booted({ guest: fixture('endless-start.mjs'), bootMs: 2_000 });
    expect(await failure(booting)).toEqual(error('ERR_THREAD_SILENT', 'vcpu0', '2000 ms', 'start(cpu)'));
  });

  test('close ends a busy guest by force, and names it', async () => {
    const { machine, words } = await booted({ vcpus: 2, guest: fixture('endless-guest.mjs'), device });
    machine.run().catch(() => undefined);
    await reached(words, 0, 1);
    const closing = machine.close();
    expect(await failure(closing)).toEqual(
      error('ERR_THREAD_SILENT', 'close: vcpu0 in interrupt(cpu, 8192)', 'by force'),
    );
    expect(machine.close()).toBe(closing);
    await expect(machine.finished).rejects.toMatchObject({ code: 'ERR_WAIT_ABORTED' });
  });

  test('close ends a busy device by force, and names it', async () => {
    const { machine, words } = await booted({ device: fixture('busy-device.mjs') });
    machine.run().catch(() => undefined);
    await reached(words, 8192, 1);
    expect(await failure(machine[Symbol.asyncDispose]())).toEqual(
      error('ERR_THREAD_SILENT', 'close: device0 in run(device)'),
    );
  });

  test('a machine that never ran closes, and its run is aborted', async () => {
    const { machine } = await booted({ device });
    await machine.close();
    await expect(machine.run()).rejects.toMatchObject({ code: 'ERR_WAIT_ABORTED' });
  });
});

describe('the check of signals and deliveries can fail', () => {
  test('a machine that drops a pending interrupt now and then loses an event', async () => {
    const { machine } = await booted({
      events: 600,
      device: fixture('one-each.mjs'),
      fault: 'drop-pending',
      boundMs: 1_000,
    });
    expect(await failure(machine.run())).toEqual(
      error('ERR_DELIVERY', 'no delivery followed the last signal of event', 'device0', 'INTID'),
    );
  });

  test('a device that waits finds a machine that drops a kick now and then', async () => {
    const { machine } = await booted({
      device: fixture('one-by-one.mjs'),
      haltPollNs: 0,
      fault: 'drop-kick',
      boundMs: 1_000,
    });
    expect(await failure(machine.run())).toEqual(
      error('ERR_DELIVERY', 'device0 threw in run(device)', 'was not handled within 1000 ms', 'no vCPU'),
    );
  });

  test.each([
    ['double', 'no signal led to this delivery'],
    ['wrong-vcpu', 'the event is mapped to vcpu'],
  ] as const)('a machine with the fault %s delivers what it must not', async (fault, why) => {
    const { machine } = await booted({
      vcpus: 2,
      devices: 2,
      device: fixture('one-by-one.mjs'),
      boundMs: 5_000,
      fault,
    });
    expect(await failure(machine.run())).toEqual(error('ERR_DELIVERY', 'was delivered to vcpu', why));
  });
});
