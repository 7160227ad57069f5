import { dirname, relative, resolve, sep } from 'node:path';
import type { ExploreResult, Failure } from '../explore/index.ts';
import { plural } from './units.ts';

/** Steps after which a schedule is given up where nothing else is said. */
const DEFAULT_STEPS = 10_000;

/**
 * A test file for vitest that runs the failing schedule again, to be kept with the code.
 * @param file - the place of the test. `source`: the file of the scenario, imported by a relative path, and the scenario's
 * export.
 * @param steps - the bound on the steps of a schedule
 */
export function regressionTest(
  { scenario: name }: ExploreResult,
  failure: Failure,
  file: string,
  source: { readonly file: string; readonly exportName?: string },
  steps = DEFAULT_STEPS,
): string {
  const path = relative(dirname(resolve(file)), resolve(source.file))
    .split(sep)
    .join('/');
  const specifier = path.startsWith('.') ? path : `./${path}`;
  const { exportName = 'default' } = source;
  const imported =
    exportName === 'default'
      ? 'scenario'
      : `{ ${/^[\w$]+$/.test(exportName) ? exportName : JSON.stringify(exportName)} as scenario }`;
  const message = failure.message.replace(/\s+/g, ' ').slice(0, 100);
  return `// Written by irqloom: a schedule of ${name} with ${plural(failure.preemptions, 'preemption')}, which ended in ${failure.kind}:
// ${message}
import { replay } from 'irqloom/explore';
import { expect, test } from 'vitest';
import ${imported} from ${JSON.stringify(specifier)};

test(${JSON.stringify(`${name}: the schedule that ended in ${failure.kind} does so no more`)}, () => {
  const { failure } = replay(${JSON.stringify(failure.token)}, scenario${steps === DEFAULT_STEPS ? '' : `, { steps: ${steps} }`});
  expect(failure?.message).toBeUndefined();
});
`;
}
