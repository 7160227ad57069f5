import type { Race } from '../../src/races/index.ts';
import { ORACLES } from '../../src/races/oracles.ts';

/** The text of docs/races.md: everything that the table of races says, for readers who meet a race for the first time. */
export function catalogue(races: readonly Race[]): string {
  return `${[
    INTRODUCTION,
    '## All of them',
    '',
    '| # | race | where | symptom | preemptions |',
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
below them. 29 of them were found and repaired there. The other four (8, 13, 18 and 22) are races that a guard in the code prevents,
as a comment beside the guard explains. Where we have not read a commit itself, the text says so. Each race comes twice:
the *buggy* variant has the bug, and the *fixed* variant does not. The fixed variant is the machine of this project
itself, wherever the machine has that mechanism: not a copy, but the same functions that run in the worker threads.

    npx irqloom races                       # all of them: found, proved minimal, fixed
    npx irqloom races torn-route-entry      # one: its story, and the schedule that fails, a thread a column
    npx irqloom explore torn-route-entry.buggy
    npx irqloom explore torn-route-entry.fixed --strategy dpor
    npx irqloom replay TOKEN torn-route-entry.buggy

## How to read a schedule

A schedule says in which order the threads take their steps: \`thread:step\`. At a \`!\` a thread is stopped although it
could go on; at a \`|\` another thread takes over because the one before waits, or has ended. A stop at a \`!\` is called a
*preemption*, and the number of preemptions says how unlucky a run has to be. Most races need a single preemption, and none
needs more than two. So a search that chooses the schedule finds them in a handful of schedules, while tests that only run
the program again miss them for years. \`irqloom races\` shows both figures: the number of chosen schedules, and how often
real threads met the bug when no schedule was chosen.

The step names are those of the story. In the code a step is one operation on one shared word; \`irqloom races NAME\`
prints which. The code that a thread runs between two steps touches nothing shared, and belongs to the step before.
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
    `* **Symptom:** ${symptom}. It breaks ${oracle}; the explorer's verdict is \`${kind}\`, with ${preemptions === 1 ? '1 preemption' : `${preemptions} preemptions`}.`,
    `* **Fixed by:** ${race.fix}.`,
    `* **Lesson:** ${race.lesson}`,
  ];
}
