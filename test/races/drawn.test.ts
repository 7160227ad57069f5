/** Programs drawn for the smallest machine: they find what breaks a protocol, and nothing where nothing is broken. */
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { findDrawn } from '../../src/races/drawn/drawn-names.ts';
import { drawProgram, describe as inWords } from '../../src/races/drawn/program.ts';
import { drawnScenario } from '../../src/races/drawn/scenario.ts';
import { searchDrawn } from '../../src/races/drawn/search.ts';
import { optionsOf } from '../../src/races/drawn/search-entry.ts';
import { story } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Drawn = { readonly scenario: typeof import('../../src/races/drawn/scenario.ts') };

const run = (seed: number, { scenario }: Drawn) =>
  explore(scenario.drawnScenario(seed), { ...optionsOf(seed), shrink: false });

/** Mistakes, and a program that finds each. */
const FOUND = [
  { mistake: 'table-refreshes-irqfds: told first', program: 1 },
  { mistake: 'table-waits-for-readers: no wait', program: 23 },
  { mistake: 'ring-after-list: no ring', program: 4 },
  { mistake: 'release-wakes-waiter: nobody woken', program: 6 },
  { mistake: 'change-is-one-step: in two steps', program: 22 },
] as const satisfies readonly { readonly mistake: MistakeName; readonly program: number }[];

describe('a drawn program', () => {
  test('is a function of its seed', () => {
    expect(drawProgram(17)).toEqual(drawProgram(17));
    expect(drawProgram(17)).not.toEqual(drawProgram(18));
  });

  test('has a device, each thread once, and no more vCPUs than the machine', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const { threads, vcpus } = drawProgram(seed);
      const names = threads.map(({ name }) => name);
      expect(new Set(names).size, inWords(drawProgram(seed))).toBe(names.length);
      expect(names).toContain('device0');
      expect(threads.filter(({ role }) => role === 'vcpu').length).toBeLessThanOrEqual(vcpus);
    }
  });

  test.each([0, 1_000_000_001])('has no number %i', (number) => {
    expect(findDrawn(`drawn-${number}`)).toBeUndefined();
  });

  test('is found by its name', () => {
    expect(findDrawn('drawn-17')?.name).toBe('drawn-17');
  });

  test('passes on the machine as it is', () => {
    for (const { program } of FOUND) expect(story(run(program, { scenario: { drawnScenario } }))).toBe('');
  });

  test.each(FOUND)('finds $mistake', ({ mistake, program }) => {
    const mutated = loadMutated<Drawn>({ scenario: 'races/drawn/scenario.ts' }, mistake);
    expect(run(program, mutated).verdict).toBe('fail');
  });
});

describe('the search through drawn programs', () => {
  test('runs in threads of its own, and holds', async () => {
    const result = await searchDrawn({ seed: 5, seconds: 1, jobs: 2 });
    expect(result.failure).toBeNull();
    expect(result.programs).toBeGreaterThan(0);
    expect(result.schedules).toBeGreaterThan(result.programs);
  });

  test('ends at once where it is told to', async () => {
    const { programs } = await searchDrawn(
      { seed: 5, seconds: 60, jobs: 1 },
      { signal: AbortSignal.abort() },
    );
    expect(programs).toBe(0);
  });
});
