/** `docs/guards.md`: the table of guards as a page. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURE_MISTAKES } from '../../bench/power/architecture.ts';
import { PROTOCOL_MISTAKES } from '../../bench/power/protocols.ts';
import { ROOT } from '../../bench/power/root.ts';
import { AREAS, guardedFiles, MISTAKES, VARIANTS } from './index.ts';
import type { Rows } from './rows.ts';

const TITLES: Readonly<Record<string, string>> = {
  MEMORY: 'Primitives of shared memory',
  GIC: 'The GIC',
  ITS: 'The ITS',
  KVM: 'KVM: routing, irqfds, resamplers',
  APIC: 'The IOAPIC and the local APICs',
  AIA: 'The APLIC and the interrupt files of RISC-V',
  MACHINE: 'vCPUs, the proof of stress, the races',
  EXPLORE: 'The explorer: the search of classes',
};

const HEAD = `# Guards

A guard is code that keeps a rule: a second look, an order of two stores, one step instead of two. In \`src\` a comment names each of
them, \`// guard: name\`, above the statement that keeps the rule. A mistake is what a careless hand does to a guard. Tests
show by mistakes that their checks can fail; \`npm run bench -- power\` looks which of them a stress run finds
([what it has found](power.md)).

A mistake is named \`guard: mistake\`. Its edit finds the code by the tag and by the syntax: \`drop\` the statement, \`never\` or
\`always\` take its branch, move the statement \`toBefore\` or \`toBehind\` that of another guard, give another \`value\`, other code \`instead\`
(\`test/guards/edit.ts\`). The rows stand in \`test/guards/\`, by area. To add one: the tag, the row, and a test that names the mistake;
\`npx vitest run test/guards -u\` writes this page anew.

In the tables: the guard and its file, the rule, the mistakes, and the tests of \`test/\` that catch each; *power* says that the
power bench makes the mistake. A guard without mistakes is a place that the mistakes of others refer to.
`;

/** The page as it has to be. */
export function guardsPage(): string {
  const users = usersOfMistakes();
  const areas = Object.entries(AREAS).map(
    ([area, rows]) => `\n## ${TITLES[area]}\n\n${tableOf(rows, users)}${variantsOf(rows)}`,
  );
  return `${HEAD}${areas.join('')}`;
}

function tableOf(rows: Rows, users: ReadonlyMap<string, readonly string[]>): string {
  const lines = Object.entries(rows).map(([guard, { rule, mistakes }]) => {
    const made = Object.keys(mistakes).map(
      (mistake) => `${mistake}: ${users.get(`${guard}: ${mistake}`)?.join(', ')}`,
    );
    return `| \`${guard}\`<br>${guardedFiles().get(guard)} | ${rule} | ${made.join('<br>') || '–'} |\n`;
  });
  return `| guard | rule | mistakes, and what catches them |\n| --- | --- | --- |\n${lines.join('')}`;
}

function variantsOf(rows: Rows): string {
  const names = Object.entries(rows).flatMap(([guard, { variants = {} }]) =>
    Object.keys(variants).map((variant) => `\`${guard}: ${variant}\``),
  );
  return names.length === 0 ? '' : `\nNo mistakes, but what makes code explorable: ${names.join(', ')}.\n`;
}

/** By the name of a mistake: the tests that make it, and the power bench. */
export function usersOfMistakes(): ReadonlyMap<string, readonly string[]> {
  const all = new Set<string>([...MISTAKES, ...VARIANTS]);
  const users = new Map<string, string[]>();
  const add = (name: string, user: string) => {
    if (!all.has(name)) return;
    const known = users.get(name) ?? [];
    if (!known.includes(user)) users.set(name, [...known, user]);
  };
  for (const test of readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!test.endsWith('.test.ts') || /^(guards\/|mutate)/.test(test)) continue;
    const text = readFileSync(join(ROOT, 'test', test), 'utf8');
    for (const [, , name = ''] of text.matchAll(/(['"])([a-z0-9]+-[a-z0-9-]+: .+?)\1/g)) add(name, test);
  }
  for (const name of [...PROTOCOL_MISTAKES, ...ARCHITECTURE_MISTAKES]) add(name, '*power*');
  return users;
}
