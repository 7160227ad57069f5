import type { ConformResult, VectorResult } from '../conformance/index.ts';
import { table } from './table.ts';
import { count, plural } from './units.ts';

/** How many differences of a vector are printed. */
const SHOWN = 20;

/** The result of `irqloom conform`, as text for people. */
export function conformText(result: ConformResult): string {
  const { profile, vectors, answers, differ, unsupported, notRequired, interrupted } = result;
  const free = notRequired > 0 ? `, ${count(notRequired)} without a required answer` : '';
  const lines = [
    table(
      ['vector', 'answers', 'agree', 'differ', 'unsupported', 'not required'],
      vectors.map((vector) => [
        vector.name,
        count(vector.answers),
        count(vector.agree),
        count(vector.differ),
        count(vector.unsupported),
        count(vector.notRequired),
      ]),
      [5, 4, 2],
    ),
    ...vectors.flatMap(differenceLines),
    '',
    `profile ${profile}: ${plural(answers, 'answer')} of ${plural(vectors.length, 'vector')}: ${count(differ)} differ, ${count(unsupported)} unsupported${free}`,
    ...(interrupted ? ['interrupted: the other vectors were not run'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function differenceLines({ name, differences }: VectorResult): string[] {
  const more = differences.length - SHOWN;
  return [
    ...differences
      .slice(0, SHOWN)
      .flatMap(({ line, step, expected, got }) => [
        '',
        `${name}.vec:${line}: ${step}`,
        `  expected ${expected === null ? 'no answer' : JSON.stringify(expected)}`,
        `  got      ${got === null ? 'no answer' : JSON.stringify(got)}`,
      ]),
    ...(more > 0 ? [`(and ${count(more)} more: --json lists all)`] : []),
  ];
}
