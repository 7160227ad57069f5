import { IrqError } from '../../base/irq-error.ts';
import type { Scenario } from '../../explore/loading/scenario.ts';
import * as programs from './programs.ts';

type Program = Scenario<Int32Array>;

/** A program, or a family of them: each `#` of the name stands for a whole number from 1. */
type Family = {
  readonly name: string;
  /** The behaviour that the program shows, in a few words. */
  readonly shows: string;
  /** Numbers for the `#`s in a list of names. */
  readonly usual: readonly (readonly number[])[];
  readonly most: readonly number[];
  make(...numbers: readonly number[]): Program;
};

const single = (name: string, shows: string, make: () => Program): Family => ({
  name,
  shows,
  usual: [[]],
  most: [],
  make,
});

/** Every program of the explorer's self-test, by its scenario's name. */
export const LITMUS: readonly Family[] = [
  single('store-buffer', 'two stores, then two loads: not both see 0', programs.storeBuffer),
  single('message-passing', 'data, then a flag', programs.messagePassing),
  single('write-01-10', 'two cells stored in opposite orders', () => programs.writeWrite([0, 1], [1, 0])),
  single('write-01-01', 'two cells stored in the same order', () => programs.writeWrite([0, 1], [0, 1])),
  {
    name: 'add-#x#',
    shows: 'n threads, m adds each, one cell',
    usual: [
      [2, 5],
      [2, 10],
      [3, 2],
      [3, 10],
    ],
    most: [16, 1000],
    make: (n = 1, m = 1) => programs.adds(n, m),
  },
  {
    name: 'add-#x#-apart',
    shows: 'the same, a cell each',
    usual: [[3, 2]],
    most: [16, 1000],
    make: (n = 1, m = 1) => programs.adds(n, m, n),
  },
  {
    name: 'one-shot-cas-#',
    shows: 'one compareExchange a thread',
    usual: [[3], [4]],
    most: [16],
    make: (n = 1) => programs.oneShotCas(n),
  },
  {
    name: 'writers-#',
    shows: 'one store a thread',
    usual: [[3], [4], [5]],
    most: [16],
    make: (n = 1) => programs.writers(n),
  },
  {
    name: 'readers-#',
    shows: 'one store, n loads',
    usual: [[2], [3], [5], [8]],
    most: [16],
    make: (n = 1) => programs.readers(n),
  },
  {
    name: 'lastzero-#',
    shows: 'a search that races with n writers',
    usual: [[2], [3], [4]],
    most: [16],
    make: (n = 1) => programs.lastZero(n),
  },
  {
    name: 'lost-update-#x#',
    shows: 'n threads, m times load and store: fails',
    usual: [
      [2, 1],
      [2, 2],
      [2, 3],
      [3, 1],
    ],
    most: [16, 100],
    make: (n = 1, m = 1) => programs.lostUpdate(n, m),
  },
  {
    name: 'peterson-#',
    shows: "Peterson's lock, at most n polls",
    usual: [[3]],
    most: [16],
    make: (n = 1) => programs.peterson(n),
  },
  {
    name: 'reorder-#+#',
    shows: 'n setters, m checkers: fails',
    usual: [
      [2, 1],
      [3, 1],
      [4, 1],
      [9, 1],
      [10, 10],
    ],
    most: [15, 15],
    make: (n = 1, m = 1) => programs.reorder(n, m),
  },
  single('bluetooth', 'a driver that is stopped while it is used: fails', programs.bluetooth),
  single('deadlock01', 'two locks in opposite orders: fails', programs.deadlock01),
  single('futex-lost-wakeup', 'a notify before the sleep: fails', programs.futexLostWakeup),
  single('futex-correct', 'the same, right', programs.futexCorrect),
  {
    name: 'futex-mutex-#',
    shows: 'the mutex of three states, n threads',
    usual: [[2], [3]],
    most: [16],
    make: (n = 1) => programs.futexMutex(n),
  },
];

/** The names in the self-test; other numbers make more programs. */
export function litmusNames(): string[] {
  return LITMUS.flatMap(({ name, usual }) => usual.map((numbers) => fill(name, numbers)));
}

/**
 * Finds the program of a name; undefined if there is none.
 * @throws IrqError `ERR_USAGE` if a number in the name is too large for the explorer.
 */
export function findLitmus(name: string): Program | undefined {
  for (const family of LITMUS) {
    const pattern = family.name.replaceAll('+', '\\+').replaceAll('#', '([1-9]\\d{0,4})');
    const found = new RegExp(`^${pattern}$`).exec(name);
    if (found === null) continue;
    const numbers = found.slice(1).map(Number);
    const over = numbers.findIndex((number, i) => number > (family.most[i] ?? 0));
    if (over >= 0) {
      throw new IrqError(
        'ERR_USAGE',
        `${name}: the numbers of ${family.name} go up to ${family.most.join(' and ')}`,
      );
    }
    return family.make(...numbers);
  }
  return undefined;
}

/**
 * As {@link findLitmus}, for threads that load a program by name. @throws IrqError `ERR_SCENARIO` for an unknown name
 */
export function litmus(name: string): Program {
  const program = findLitmus(name);
  if (program === undefined) throw new IrqError('ERR_SCENARIO', `there is no litmus program "${name}"`);
  return program;
}

function fill(name: string, numbers: readonly number[]): string {
  let i = 0;
  return name.replace(/#/g, () => String(numbers[i++]));
}
