import { afterEach, describe, expect, test, vi } from 'vitest';
import { IrqError } from '../../src/base/irq-error.ts';
import { processUse } from '../../src/base/process-use.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { REQUEST_PAUSE } from '../../src/board/vcpu-control.ts';
import { type Cast, Harness } from '../../src/threads/harness.ts';
import type { Thread } from '../../src/threads/thread.ts';

const module = new URL('./programs.mjs', import.meta.url).href;
const program = (name: string, options: unknown = {}) => ({ module, name, options });

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

async function boot(cast: Partial<Cast>, vcpus = 2): Promise<Harness> {
  const machine = Machine.create({ ...DEFAULT_CONFIG, vcpus, otherThreads: 2 });
  harness = await Harness.boot(machine, { guest: program('idleGuest'), programs: {}, ...cast });
  return harness;
}

describe('a machine with its threads', () => {
  test('runs until it is kicked, and says why it stopped', async () => {
    const { kickAll, vcpus } = bound(await boot({}));
    const run = vcpus.runVcpus();
    kickAll();
    expect(await run).toEqual(['exit', 'exit']);
  });

  test('a pause is answered, the registers can be read, and the guest goes on', async () => {
    const booted = await boot({}, 1);
    const run = booted.runVcpus();
    booted.kickAll(REQUEST_PAUSE);
    expect(await run).toEqual(['pause']);
    expect(await booted.vcpus[0]?.registers()).toMatchObject({ ICC_PMR_EL1: 0xf0 });
    const again = booted.runVcpus();
    booted.kickAll();
    expect(await again).toEqual(['exit']);
  });

  test('a kick that comes before the run is not lost', async () => {
    const booted = await boot({}, 1);
    booted.kickAll();
    expect(await booted.runVcpus()).toEqual(['exit']);
  });

  test('a guest may shut its vCPU down by itself', async () => {
    const booted = await boot({ guest: program('finishedGuest') }, 1);
    expect(await booted.runVcpus()).toEqual(['shutdown']);
  });

  test('a program returns its result', async () => {
    const booted = await boot({ programs: { device0: program('addingProgram', { a: 40, b: 2 }) } });
    expect(await booted.programs.get('device0')?.run()).toBe(42);
  });
});

describe('a thread that has ended', () => {
  /** Boots a machine, ends it, and gives no thread of it but weakly. */
  async function ended(how: 'close' | 'destroy'): Promise<WeakRef<Thread>[]> {
    const booted = await boot({});
    const threads = booted.threads.map((thread) => new WeakRef(thread));
    await booted[how]();
    harness = undefined;
    return threads;
  }

  // A rotation makes machine after machine: what one leaves behind is a leak.
  test.each(['close', 'destroy'] as const)('is kept by nothing, after %s', async (how) => {
    const threads = await ended(how);
    expect(threads).toHaveLength(2);
    await vi.waitFor(() => {
      processUse();
      expect(threads.filter((thread) => thread.deref() !== undefined)).toEqual([]);
    });
  });
});

describe('a thread that fails is named', () => {
  test('one whose process ends', async () => {
    const booted = await boot({ programs: { device0: program('dyingProgram') } });
    const error = await booted.programs
      .get('device0')
      ?.run()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IrqError);
    expect(error).toMatchObject({ code: 'ERR_THREAD_DIED', message: expect.stringContaining('device0') });
  });

  test('one whose program throws: the error keeps its code', async () => {
    const booted = await boot({ programs: { device0: program('throwingProgram') } });
    await expect(booted.programs.get('device0')?.run()).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: 'thrown on purpose',
    });
  });

  test('a guest that throws ends the run', async () => {
    const booted = await boot({ guest: program('throwingGuest') }, 1);
    await expect(booted.runVcpus()).rejects.toThrow('the guest is at fault');
  });

  test('one that never answers, within a bound', async () => {
    const booted = await boot({ programs: { device0: program('silentProgram') } });
    const device = booted.programs.get('device0');
    const run = device?.run();
    run?.catch(() => undefined);
    const answer = device?.within('run', run ?? Promise.resolve(), 50);
    await expect(answer).rejects.toMatchObject({
      code: 'ERR_THREAD_SILENT',
      message: expect.stringContaining('device0'),
    });
  });

  test('a module without the function', async () => {
    await expect(boot({ guest: program('noSuchGuest') })).rejects.toMatchObject({ code: 'ERR_SCENARIO' });
  });
});

/** The two things that the first test needs, so that it reads as a sentence. */
function bound(booted: Harness) {
  return { vcpus: booted, kickAll: () => booted.kickAll() };
}
