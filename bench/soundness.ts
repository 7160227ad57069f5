/**
 * The explorer against the judge, a brute force that shares no code with the explorer: random programs, any number of them,
 * and every difference with the program that shows the difference.
 */
import { fileURLToPath } from 'node:url';
import type { Limits } from '../test/explore/judge/brute-force.ts';
import { compare } from '../test/explore/judge/compare.ts';
import { show } from '../test/explore/judge/javascript.ts';
import { hasLoop, randomProgram } from '../test/explore/judge/random-program.ts';

/** The judge leaves out a program with more schedules than that under one rule for timeouts. */
const LIMITS: Limits = { schedules: 20_000, steps: 5000, work: 600_000 };
const SHOWN = 5;

export type SoundnessOptions = { readonly programs: number; readonly seed: number };

export type Soundness = SoundnessOptions & {
  readonly withLoops: number;
  /** Programs that were left out, as the judge found them too large. */
  readonly tooLarge: number;
  /** Schedules of the judge, of all programs under all rules. */
  readonly schedules: number;
  readonly mostSchedules: number;
  readonly seconds: number;
  /** The seeds of the programs with differences, and those of the first few in words. */
  readonly differing: readonly number[];
  readonly differences: readonly string[];
};

/** Compares programs from `seed` on until so many have been compared. */
export function run({ programs, seed }: SoundnessOptions): Soundness {
  const started = performance.now();
  let [done, withLoops, tooLarge, schedules, mostSchedules] = [0, 0, 0, 0, 0];
  const differing: number[] = [];
  const differences: string[] = [];
  for (let next = seed; done < programs; next++) {
    const program = randomProgram(next);
    const compared = compare(program, LIMITS);
    if (compared === undefined) {
      tooLarge++;
      continue;
    }
    done++;
    if (hasLoop(program)) withLoops++;
    schedules += compared.schedules;
    mostSchedules = Math.max(mostSchedules, compared.schedules);
    if (compared.differences.length > 0) {
      differing.push(next);
      if (differing.length <= SHOWN) {
        const told = `seed ${next}:\n${compared.differences.join('\n')}\n${show(program)}`;
        process.stderr.write(`${told}\n`);
        differences.push(told);
      }
    }
    if (done % 500 === 0) process.stderr.write(`${done} programs, ${differing.length} with differences\n`);
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    programs,
    seed,
    withLoops,
    tooLarge,
    schedules,
    mostSchedules,
    seconds,
    differing,
    differences,
  };
}

export function format(found: Soundness): string {
  const n = (value: number): string => value.toLocaleString('en-US');
  const lines = [
    `${n(found.programs)} random programs from seed ${found.seed}, ${n(found.withLoops)} of them with loops: ${n(found.schedules)} schedules by brute force, at most ${n(found.mostSchedules)} a program, ${found.seconds.toFixed(1)} s`,
    `${n(found.tooLarge)} more were too large for the judge`,
    `programs with a difference: ${found.differing.length}${found.differing.length > 0 ? ` (seeds ${found.differing.slice(0, 50).join(', ')})` : ''}`,
  ];
  return [...lines, ...found.differences].join('\n');
}

/** The options of `bench -- soundness --programs N --seed S`. */
export function optionsFrom(args: readonly string[]): SoundnessOptions {
  const read = (name: string, usual: number): number => {
    const at = args.indexOf(name);
    const value = at < 0 ? usual : Number(args[at + 1]);
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} has to be followed by a whole number from 1, and not by ${args[at + 1]}`);
    return value;
  };
  return { programs: read('--programs', 300), seed: read('--seed', 1) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = run(optionsFrom(process.argv.slice(2)));
  console.log(format(found));
  if (found.differing.length > 0) process.exitCode = 1;
}
