/** `irqloom stress --programs`: programs that are drawn for a small machine once the run has held. */
import { describe, expect, test } from 'vitest';
import { programSeconds, replayCommand } from '../../src/cli/stress-programs.ts';
import { stressText } from '../../src/report/stress-text.ts';
import { held, type StressResult } from '../../src/stress/index.ts';
import { irqloom } from './run.ts';

const FAILURE = {
  program: 'drawn-17',
  threads: ['1 vCPU, dispatch inline, translations cached', 'device0: signal(0, 0)'],
  kind: 'assertion',
  message: 'O2, conservation: 1 edges were accepted, and the last delivery began after number 0',
  token: 'x1.abc',
};

async function short(): Promise<StressResult> {
  const flags = ['-v', '1', '-d', '1', '-e', '1', '-s', '0.2', '--programs', '0.3', '--seed', '4'];
  const { status, stdout } = await irqloom(['stress', ...flags, '--json']);
  expect(status).toBe(0);
  return JSON.parse(stdout) as StressResult;
}

describe('the programs of a run', () => {
  test('a run counts its programs, and a program that failed fails the run, in words and with its command', async () => {
    const result = await short();
    expect(result.programs).toMatchObject({ failure: null });
    expect(result.programs?.schedules).toBeGreaterThan(0);
    expect(stressText(result)).toContain('drawn for a small machine');
    if (!result.programs) throw new Error('the run had programs');
    const failed = { ...result, programs: { ...result.programs, failure: FAILURE } };
    expect([held(result), held(failed)]).toEqual([true, false]);
    expect(stressText(failed)).toContain('drawn-17 failed (assertion): O2, conservation');
    expect(replayCommand(failed)).toMatch(/^npx irqloom replay x1\.abc drawn-17/);
  });

  test.each([
    { title: 'two seconds where nothing is said', flags: {}, given: [], seconds: 2 },
    { title: 'half of a thorough run', flags: { thorough: true }, given: ['thorough'], seconds: 30 },
    { title: 'none where the run has a time of its own', flags: {}, given: ['seconds'], seconds: 0 },
    { title: 'none where a rule is broken on purpose', flags: {}, given: ['fault'], seconds: 0 },
    { title: 'none on an IOAPIC', flags: { irqchip: 'ioapic' }, given: ['irqchip'], seconds: 0 },
    {
      title: 'two seconds on a GICv3 by its name',
      flags: { irqchip: 'gicv3' },
      given: ['irqchip'],
      seconds: 2,
    },
    { title: 'as long as is said', flags: { programs: 5 }, given: ['programs', 'seconds'], seconds: 5 },
  ])('take $title', ({ flags, given, seconds }) => {
    expect(programSeconds(flags, given)).toBe(seconds);
  });

  test.each([
    ['a guest of one’s own', '--guest', 'bare'],
    ['an IOAPIC', '--irqchip', 'ioapic'],
  ])('are refused with %s', async (_, option, value) => {
    const { status, stderr } = await irqloom(['stress', option, value, '--programs', '1']);
    expect(status).toBe(2);
    expect(stderr).toContain("--programs is of irqloom's own guest");
  });
});
