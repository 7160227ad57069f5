import { afterEach, describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { Deadline } from '../../src/threads/deadline.ts';
import { Harness } from '../../src/threads/harness.ts';
import { silentThreads } from '../../src/threads/silent.ts';
import type { Thread } from '../../src/threads/thread.ts';
import { whereabouts } from '../../src/threads/whereabouts.ts';

const module = new URL('./programs.mjs', import.meta.url).href;

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.destroy();
  harness = undefined;
});

/** Programs that have begun to run. */
const started = new Int32Array(new SharedArrayBuffer(4));

/** Runs the program of each thread, and waits until all have begun. */
async function run(threads: readonly Thread[]): Promise<void> {
  Atomics.store(started, 0, 0);
  for (const thread of threads) thread.run().catch(() => undefined);
  for (let begun = 0; begun < threads.length; begun = Atomics.load(started, 0))
    await Atomics.waitAsync(started, 0, begun, 100).value;
}

async function boot(...names: readonly string[]): Promise<Thread[]> {
  const machine = Machine.create({ ...DEFAULT_CONFIG, otherThreads: names.length });
  const programs = names.map((name, index) => [`device${index}`, { module, name, options: { started } }]);
  harness = await Harness.boot(machine, {
    guest: { module, name: 'idleGuest', options: {} },
    programs: Object.fromEntries(programs),
  });
  return [...harness.programs.values()];
}

/** Never answers: for calls that the test leaves behind. */
const never = new Promise<never>(() => undefined);

describe('a thread that is silent is named with its place in the code', () => {
  test.each([
    [
      'busyProgram',
      /device0 did not answer "end" within 300 ms; device0: at turnForEver \(threads\/programs\.mjs:\d+\) </,
    ],
    ['sleepingProgram', /device0: at Atomics\.wait < sleepForEver \(threads\/programs\.mjs:\d+\) </],
  ])('%s', async (name, expected) => {
    const threads = await boot(name);
    await run(threads);
    const [thread] = threads;
    await expect(thread?.within('end', never, 300)).rejects.toMatchObject({
      code: 'ERR_THREAD_SILENT',
      message: expect.stringMatching(expected),
    });
  });

  test('also where the thread hangs before it has answered its boot', async () => {
    const machine = Machine.create({ ...DEFAULT_CONFIG, otherThreads: 1 });
    const program = { module, name: 'hangingAtBoot', options: {} };
    const cast = { guest: { module, name: 'idleGuest', options: {} }, programs: { device0: program } };
    await expect(Harness.boot(machine, cast, 3_000)).rejects.toThrow(/device0: at hangInBoot/);
  });

  test('each of several, and a thread that only waits for messages', async () => {
    const threads = await boot('busyProgram', 'sleepingProgram', 'addingProgram');
    await run(threads.slice(0, 2));
    const { message } = await silentThreads('no answer', threads, (name) =>
      name === 'device1' ? '7 signals' : undefined,
    );
    expect(message).toMatch(
      /^no answer; device0: at turnForEver .*; device1 \(7 signals\): at Atomics\.wait < .*; device2: outside of its program, waiting for messages$/,
    );
  });

  test('where another thread has waited in vain: by the error of that thread', async () => {
    const threads = await boot('busyProgram', 'waitingInVain');
    await run(threads.slice(0, 1));
    await expect(threads[1]?.run()).rejects.toMatchObject({
      code: 'ERR_THREAD_SILENT',
      message: expect.stringMatching(/^device1: no turn within 10 ms; .*device0: at turnForEver/),
    });
  });

  test('at most eight are shown, those within their programs first', async () => {
    const threads = await boot('busyProgram', 'addingProgram');
    await run(threads.slice(0, 1));
    const [busy, idle] = threads;
    if (!busy || !idle) throw new Error('two threads were to be booted');
    const { message } = await silentThreads('no answer', [...Array(9).fill(idle), busy]);
    expect(message).toMatch(/^no answer; device0: at turnForEver .*; and 2 threads more$/);
  });

  test('a thread that is not there has no stack, and does not keep the error waiting', async () => {
    expect((await whereabouts([123_456])).size).toBe(0);
    const { message } = await silentThreads('no answer', [{ name: 'gone', serial: 123_456 }]);
    expect(message).toBe('no answer; gone: its stack cannot be had');
  });
});

describe('a deadline', () => {
  test('rejects with the error that is made past the bound', async () => {
    const deadline = new Deadline(1, async () => new Error('late'));
    deadline.begin();
    await expect(deadline.missed).rejects.toThrow('late');
  });

  test('that is ended in time, or that has nothing to complain of, stays quiet', async () => {
    const ended = new Deadline(1, async () => new Error('late'));
    ended.begin();
    ended.end();
    const content = new Deadline(1, async () => undefined);
    content.begin();
    const other = new Deadline(50, async () => new Error('the other'));
    other.begin();
    await expect(Promise.race([ended.missed, content.missed, other.missed])).rejects.toThrow('the other');
  });
});
