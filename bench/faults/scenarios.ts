import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, expectEnd, irqloom } from './cell.ts';

/** The fault of a scenario's thread in the middle of its code, and the exit statuses that the search may end with. */
const ACTS = {
  throw: { code: "throw new Error('thrown on purpose');", status: [1] },
  exit: { code: 'process.exit(0);', status: [1, 2] },
  oom: { code: 'for (const kept = []; ; ) kept.push(new Array(10000).fill(kept.length));', status: [1, 3] },
  loop: { code: 'for (;;);', status: [1, 3] },
  recursion: { code: '(function again() { again(); again(); })();', status: [1] },
  wait: { code: 'Atomics.wait(w, 1, 0);', status: [1] },
  'never settles': { code: '', before: 'await new Promise(() => {});', status: [2] },
  rejects: { code: '', before: "Promise.reject(new Error('on purpose'));", status: [3] },
  'stays alive': { code: '', before: 'setInterval(() => {}, 1000);', status: [0] },
} as const satisfies Record<string, { code: string; before?: string; status: readonly number[] }>;

/** The ways to run a scenario: the kind of search, and the kind of threads. */
const RUNS = {
  search: [],
  jobs: ['--jobs', '2'],
  lockstep: ['--executor', 'lockstep'],
  free: ['--executor', 'free', '--runs', '50'],
} as const;

/** The bound on the search, its lateness, and the time in which a failure may be made small. */
const BOUND = 90;

/** Code under test that goes wrong, in each way to run the code: the command ends, and names the code and not itself. */
export function scenarioCells(folder: string): Cell[] {
  return Object.entries(RUNS).flatMap(([run, flags]) =>
    Object.entries(ACTS).map(([act, { code, status, ...more }], index): Cell => {
      const file = join(folder, `scenario-${run}-${index}.mjs`);
      const before = 'before' in more ? more.before : '';
      writeFileSync(
        file,
        `${before}
const bad = (w) => { Atomics.add(w, 0, 1); ${code} };
export default { name: 'bad', words: 2, threads: { good(w) { Atomics.add(w, 0, 1) }, bad } };`,
      );
      return {
        name: `explore/${run}/${act}`,
        bound: BOUND,
        run: (bound) => irqloom(['explore', file, '--seconds', '5', ...flags], bound),
        judge: expectEnd({ status, silent: /fault of irqloom itself|^\s+at (?!.*scenario-)/m }),
      };
    }),
  );
}
