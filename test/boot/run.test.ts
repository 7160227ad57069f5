import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { runGuest } from '../../src/boot/run.ts';
import { program, runOptions } from './guests.ts';

const quiet = { output: () => undefined };

async function consoleOf(options: Parameters<typeof runOptions>[0]) {
  const parts: Uint8Array[] = [];
  const result = await runGuest(runOptions(options), { output: (bytes) => parts.push(bytes) });
  return { result, text: Buffer.concat(parts).toString() };
}

describe('the bare-metal guest', () => {
  test('passes its checks with vCPUs in threads', async () => {
    const { result, text } = await consoleOf({ scheduler: 'threads', vcpus: 2, limitInstructions: 0 });
    expect(text).not.toContain('not ok');
    expect(text).toContain('1..15');
    expect(result).toMatchObject({ end: 'power-off', exitStatus: 0, scheduler: 'threads' });
    expect(result.vcpus[1]?.interrupts).toMatchObject({ 0: 1, 15: 1 });
    expect(result.vcpus[0]?.interrupts[27]).toBe(1);
    expect(result.vcpus[1]?.interrupts[8192 + 16 + 1]).toBe(2);
  });

  test('passes its checks in turns, and two runs of a seed are equal to the instruction', async () => {
    const runs = [];
    for (const seed of [5, 5, 6]) runs.push(await consoleOf({ vcpus: 4, seed, quantum: 200 }));
    for (const { text } of runs) {
      expect(text).toContain('1..15');
      expect(text).not.toContain('not ok');
    }
    const [first, again, other] = runs.map(({ result: { seconds: _, ...rest } }) => rest);
    expect(again).toEqual(first);
    expect(other?.vcpus).not.toEqual(first?.vcpus);
  });

  test('sees no store through a translation after TLBI and DSB, and sees one without the DSB', async () => {
    const UNMAPPED = 'no store to a page arrives once it is unmapped';
    const verdict = async (append: string) => {
      const { text } = await consoleOf({
        scheduler: 'threads',
        vcpus: 2,
        append,
        // A vCPU stores for as long as the host keeps the other's thread from running.
        limitInstructions: 0,
      });
      return /^(not ok|ok) \d+ - no store to a page arrives/m.exec(text)?.[1] ?? text;
    };
    for (let boot = 0; boot < 5; boot++) expect(await verdict('semihosting'), UNMAPPED).toBe('ok');
    const without = new Set<string>();
    for (let boot = 0; boot < 20 && !without.has('not ok'); boot++)
      without.add(await verdict('semihosting nodsb'));
    expect(without, 'of up to 20 boots without the DSB').toContain('not ok');
  });

  test('reports the hash of its console output', async () => {
    const { result, text } = await consoleOf({});
    expect(result.console.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(result.console.lines).toBe(text.trimEnd().split('\n').length);
  });

  test("times a device's signal to its handler by the host's clock, over PCI, MSI-X and the ITS", async () => {
    const { result, text } = await consoleOf({
      ...{ scheduler: 'threads', vcpus: 2, append: 'latency=50', clock: 'real', devices: [{ kind: 'rng' }] },
      limitInstructions: 0,
    });
    expect(text).toMatch(/^latency: signal to handler, ns: \d+ \d+ \d+$/m);
    expect(text).toMatch(/^latency: request to handler, ns: \d+ \d+ \d+$/m);
    expect(result).toMatchObject({ end: 'power-off', exitStatus: 0 });
    // 5 requests that are not counted and 50 that are, each answered by one LPI.
    expect(result.vcpus[0]?.interrupts[8192]).toBe(55);
  });

  test('reports a failed check as its exit status through semihosting', async () => {
    const { result, text } = await consoleOf({ vcpus: 2, fault: 'double' });
    expect(text).toContain('not ok');
    expect(result).toMatchObject({ end: 'power-off', exitStatus: 1 });
  });

  test('powers off by PSCI without semihosting', async () => {
    const { result } = await consoleOf({ append: '' });
    expect(result).toMatchObject({ end: 'power-off', exitStatus: 0 });
  });
});

describe('a guest that never ends', () => {
  const UDF = program(...Array<number>(16).fill(0));
  const LOOP = program(0x1400_0000);
  const SLEEP = program(0xd503_207f, 0x17ff_ffff);

  test.each(['threads', 'controlled'] as const)(
    'of zeros is stuck, and the error has its pc (%s)',
    async (scheduler) => {
      await expect(runGuest(runOptions({ kernel: UDF, scheduler }), quiet)).rejects.toMatchObject({
        code: 'ERR_GUEST_STUCK',
        message: expect.stringMatching(
          /^vCPU 0 only takes exceptions any more, after \d+ instructions: pc 0x[0-9a-f]+/,
        ),
      });
    },
  );

  // Translation tables of zeros: the fetch behind the MSR faults, and so does the fetch of the vector, for ever.
  const NO_TABLES = program(
    ...[0x1000_8000, 0xd518_2000, 0xd518_2020, 0xd286_a321, 0xf2b0_0321, 0xf2c0_0021, 0xd518_2041],
    ...[0xd503_3fdf, 0xd538_1002, 0xb240_0042, 0xd518_1002, 0xd503_3fdf, 0x1400_0000],
  );

  test.each(['threads', 'controlled'] as const)(
    'whose every fetch is a translation fault is stuck, and the error has the address of the fault (%s)',
    async (scheduler) => {
      await expect(runGuest(runOptions({ kernel: NO_TABLES, scheduler }), quiet)).rejects.toMatchObject({
        code: 'ERR_GUEST_STUCK',
        message: expect.stringMatching(/pc 0x200, ESR_EL1 0x8600000[4-7], .*FAR_EL1 0x200,/),
      });
    },
  );

  test.each(['threads', 'controlled'] as const)(
    'in a loop ends at its limit, with its pc (%s)',
    async (scheduler) => {
      const result = await runGuest(
        runOptions({ kernel: LOOP, scheduler, limitInstructions: 3_000_000 }),
        quiet,
      );
      expect(result).toMatchObject({ end: 'limit', exitStatus: null });
      expect(result.vcpus[0]?.pc).toBe('0000000040080000');
      expect(result.instructions).toBeGreaterThanOrEqual(3_000_000);
    },
  );

  test.each(['threads', 'controlled'] as const)(
    'halts when all vCPUs sleep forever (%s)',
    async (scheduler) => {
      const result = await runGuest(runOptions({ kernel: SLEEP, scheduler }), quiet);
      expect(result).toMatchObject({ end: 'halted', exitStatus: null });
    },
  );

  test('of random bytes ends within its limit', async () => {
    let state = 42;
    const noise = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    for (let guest = 0; guest < 10; guest++) {
      const kernel = program(...Array.from({ length: 1024 }, noise));
      const ended = await runGuest(runOptions({ kernel, limitInstructions: 2_000_000 }), quiet).then(
        ({ end }) => end,
        ({ code }) => code,
      );
      expect(['limit', 'halted', 'ERR_GUEST_STUCK', 'power-off', 'reset']).toContain(ended);
    }
  });
});

describe('a guest that the host ends', () => {
  test('has the end "interrupted" in its result', async () => {
    const abort = new AbortController();
    const result = await runGuest(
      runOptions({ kernel: program(0x1400_0000), scheduler: 'threads', limitInstructions: 0 }),
      {
        ...quiet,
        signal: abort.signal,
        started: () => abort.abort(),
      },
    );
    expect(result.end).toBe('interrupted');
  });
});
