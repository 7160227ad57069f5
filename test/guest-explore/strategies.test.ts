import { expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import type { Choice } from '../../src/guest-explore/run-schedule.ts';
import { random } from '../../src/guest-explore/strategies.ts';

const LENGTH = 100_000;

/** The turns that a strategy takes for so many instructions of two vCPUs that are always ready. */
function turnsOf(seed: number): number[] {
  const chance = new Chance(seed);
  chance.begin(0);
  const chooser = random(chance, LENGTH);
  const lengths: number[] = [];
  for (let instructions = 0; instructions < LENGTH; ) {
    const choice: Choice = {
      ready: ['0', '1'],
      waiting: [0, 0],
      last: undefined,
      instructions,
      hasTimer: false,
    };
    const turn = chooser.next(choice);
    if (turn.does !== 'run') expect.fail(`a turn of ${turn.does}, of two vCPUs`);
    lengths.push(turn.instructions);
    instructions += turn.instructions;
  }
  return lengths;
}

test('a random schedule has short turns at a place that differs, and at most 1,000 of them', () => {
  const schedules = Array.from({ length: 60 }, (_, seed) => turnsOf(seed));
  expect(Math.max(...schedules.map(({ length }) => length))).toBeLessThan(1_000 + 200);
  // Some have turns of one instruction, and a thousand in all.
  const shortest = schedules.filter((turns) => turns.filter((length) => length === 1).length > 900);
  expect(shortest.length).toBeGreaterThan(0);
  const places = shortest.map((turns) =>
    turns.findIndex((length, at) => length === 1 && turns[at + 1] === 1),
  );
  expect(new Set(places).size).toBeGreaterThan(1);
});
