/**
 * The fault campaign: every kind of thread, every output and the whole process of a command are disturbed, one at a time.
 * A cell says how the command ended, and whether docs/reliability.md promises that end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cell, lastLine } from './faults/cell.ts';
import { matrix } from './faults/matrix.ts';
import { outputCells } from './faults/outputs.ts';
import { processCells } from './faults/processes.ts';
import { scenarioCells } from './faults/scenarios.ts';
import { threadCells } from './faults/threads.ts';

/** How a cell came out: held, broken, or not to be tried on this machine. */
export type Outcome = {
  readonly name: string;
  readonly verdict: 'held' | 'BROKEN' | 'skipped';
  readonly status: string;
  readonly seconds: number;
  readonly said: string;
};

export type FaultOptions = {
  /** Parts of the names of cells; none: all cells. */
  readonly only: readonly string[];
  /** Executables of other versions of Node.js. */
  readonly nodes: readonly string[];
  /** Whether the outcomes are printed as tables of Markdown. */
  readonly markdown: boolean;
};

/**
 * Reads `--only TEXT`: the cells whose names have one of the texts; and `--node FILE`: another Node.js to try. Both may be
 * repeated; and `--markdown`.
 * @throws Error for any other argument
 */
export function faultOptionsFrom(args: readonly string[]): FaultOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', multiple: true, default: [] },
      markdown: { type: 'boolean', default: false },
    },
  });
  return { only: values.only, nodes: values.node, markdown: values.markdown };
}

/** Tries the cells, one after the other; prints each on stderr when the cell has ended. */
export async function run({ only, nodes }: Pick<FaultOptions, 'only' | 'nodes'>): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'irqloom-faults-'));
  try {
    const cells = [
      ...threadCells(),
      ...outputCells(folder),
      ...processCells(folder, nodes),
      ...scenarioCells(folder),
    ].filter(({ name }) => only.length === 0 || only.some((text) => name.includes(text)));
    const outcomes: Outcome[] = [];
    for (const cell of cells) {
      const outcome = await outcomeOf(cell);
      process.stderr.write(`${line(outcome)}\n`);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outcomeOf({ name, bound, run: disturb, judge }: Cell): Promise<Outcome> {
  const ended = await disturb(bound);
  if (typeof ended === 'string') return { name, verdict: 'skipped', status: '', seconds: 0, said: ended };
  const wrong = judge(ended);
  return {
    name,
    verdict: wrong === undefined ? 'held' : 'BROKEN',
    status: String(ended.status ?? ended.signal),
    seconds: ended.seconds,
    said: wrong === undefined ? lastLine(ended) : `${wrong} | ${lastLine(ended)}`,
  };
}

const WIDEST = 150;

function line({ name, verdict, status, seconds, said }: Outcome): string {
  return `${verdict.padEnd(8)}${name.padEnd(32)}${status.padStart(8)}${seconds.toFixed(1).padStart(7)} s  ${said.slice(0, WIDEST)}`;
}

export function format(outcomes: readonly Outcome[], markdown = false): string {
  const count = (verdict: Outcome['verdict']) =>
    outcomes.filter((outcome) => outcome.verdict === verdict).length;
  if (markdown) return matrix(outcomes);
  return [
    'verdict cell                              status    time  the last that was said',
    ...outcomes.map(line),
    '',
    `${outcomes.length} cells: ${count('held')} held, ${count('BROKEN')} broken, ${count('skipped')} skipped`,
  ].join('\n');
}
