import { expect, test } from 'vitest';
import { stressCommand } from '../../src/cli/stress.ts';
import { repeatCommand } from '../../src/cli/stress-repeat.ts';

test('the command that repeats a run has every option as the command line takes it', () => {
  const flags = { untilCovered: 3, thorough: true, watch: false, recording: "my guest's.jsonl.gz", seed: 1 };
  expect(repeatCommand(flags, 7)).toBe(
    "npx irqloom stress --until-covered 3 --thorough --recording 'my guest'\\''s.jsonl.gz' --seed 7",
  );
});

test('every option of stress has the name there that it has on the command line', () => {
  const others = stressCommand().options.filter(({ long }) => long !== '--seed');
  for (const option of others)
    expect(repeatCommand({ [option.attributeName()]: 1 }, 7)).toBe(
      `npx irqloom stress ${option.long} 1 --seed 7`,
    );
  expect(others.length).toBeGreaterThan(20);
});
