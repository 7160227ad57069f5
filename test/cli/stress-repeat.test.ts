import { describe, expect, test } from 'vitest';
import { stressCommand } from '../../src/cli/stress.ts';
import { repeatCommand } from '../../src/cli/stress-repeat.ts';
import { irqloom } from './run.ts';

test('the command that repeats a run has every option as the command line takes it', () => {
  const flags = { untilCovered: 3, thorough: true, watch: false, recording: "my guest's.jsonl.gz", seed: 1 };
  expect(repeatCommand(flags, 7)).toBe(
    "npx irqloom stress --until-covered 3 --thorough --recording 'my guest'\\''s.jsonl.gz' --seed 7",
  );
});

test('every option of stress has its name of the command line in the repeated command', () => {
  const others = stressCommand().options.filter(({ long }) => long !== '--seed');
  for (const option of others)
    expect(repeatCommand({ [option.attributeName()]: 1 }, 7)).toBe(
      `npx irqloom stress ${option.long} 1 --seed 7`,
    );
  expect(others.length).toBeGreaterThan(20);
});

describe('the printed command of a failing run fails again, unchanged', () => {
  const OWN = ['--guest', 'examples/own-guest/guest.mjs', '--device', 'examples/own-guest/device.mjs'];
  test.each([
    { title: 'of the recorded guest', flags: [] },
    { title: 'of the bare guest', flags: ['--guest', 'bare'] },
    { title: 'of a guest and devices of the user', flags: OWN },
    { title: 'with another shared memory', flags: [...OWN, '--shared', '131072'] },
  ])('$title', { timeout: 240_000 }, async ({ flags }) => {
    const first = await irqloom(['stress', ...flags, '--fault', 'double', '--seconds', '2']);
    expect(first.status, first.stderr).toBe(1);
    const words = /to repeat this: npx irqloom (.*)/.exec(first.stderr)?.[1]?.split(' ') ?? [];
    const again = await irqloom(words);
    expect(again.status, again.stderr).toBe(1);
  });
});

test('--shared without a guest or devices of the user is refused', async () => {
  const { status, stderr } = await irqloom(['stress', '--shared', '8']);
  expect(status).toBe(2);
  expect(stderr).toMatch(/--shared is for a guest or devices of your own/);
});
