import type { Race } from '../../src/races/index.ts';
import { ORACLES } from '../../src/races/oracles.ts';

/** The text of docs/races.md: everything that the table of races says, for people who meet it for the first time. */
export function catalogue(races: readonly Race[]): string {
  return `${[
    INTRODUCTION,
    '## All of them',
    '',
    '| # | race | where | what one notices | preemptions |',
    '|---|---|---|---|---|',
    ...races.map(
      ({ number, slug, component, symptom, preemptions }) =>
        `| ${number} | [\`${slug}\`](#${number}-${slug}) | ${component} | ${symptom} | ${preemptions} |`,
    ),
    '',
    '## What has to hold',
    '',
    'A run is judged by invariants, not by what it prints. Each race breaks one of them.',
    '',
    ...Object.entries(ORACLES).map(([id, text]) => `* **${id}** ${text}.`),
    '',
    '## The races',
    ...races.flatMap(section),
  ].join('\n')}\n`;
}

const INTRODUCTION = `# Races of interrupt delivery

Every program here is small, and has a race that is known from KVM, from a hypervisor, from a VMM, or from the primitives
below them. 25 of them were found and repaired there; the other four (8, 13, 18 and 22) are what a guard in the code is
there for, as a comment beside it explains. Where a commit was not read itself, it is said. Each race comes twice. The *buggy* variant has the bug. The *fixed* variant has not, and it is the
machine of this project itself wherever the machine has that mechanism: not a copy of it, the same functions that run in
the worker threads.

    npx irqloom races                       # all of them: found, proved minimal, fixed
    npx irqloom races torn-route-entry      # one: its story, and the schedule that fails, a thread a column
    npx irqloom explore torn-route-entry.buggy
    npx irqloom explore torn-route-entry.fixed --strategy dpor
    npx irqloom replay TOKEN torn-route-entry.buggy

## How to read a schedule

A schedule says in which order the threads take their steps: \`thread:step\`. At a \`!\` a thread is stopped that could go
on; at a \`|\` another takes over because the one before waits, or has ended. A stop at a \`!\` is called a *preemption*,
and the number of them says how unlucky one has to be. Most races need a single one, none needs more than two; that is
why they are found in a handful of schedules by who can choose the schedule, and why they hide for years from who can
only run the program again. \`irqloom races\` shows both figures: how many chosen schedules it took, and how often real
threads met the bug without being told to.

The step names are those of the story. In the code a step is one operation on one shared word; \`irqloom races NAME\`
prints which. What a thread does between two of them is its own affair, and belongs to the step before.
`;

function section(race: Race): string[] {
  const { number, slug, title, component, symptom, oracle, kind, preemptions } = race;
  return [
    '',
    `### ${number} ${slug}`,
    '',
    `*${title}*`,
    '',
    race.story,
    '',
    '```',
    race.schedule,
    '```',
    '',
    `* **Where:** ${component}. ${race.reference}`,
    `* **What one notices:** ${symptom}. It breaks ${oracle}; the explorer's verdict is \`${kind}\`, with ${preemptions === 1 ? '1 preemption' : `${preemptions} preemptions`}.`,
    `* **Fixed by:** ${race.fix}.`,
    `* **Lesson:** ${race.lesson}`,
  ];
}
