import type { ConformResult, VectorResult } from '../conformance/index.ts';
import { tableCard } from './html/figure.ts';
import { page } from './html/page.ts';
import { count, plural } from './units.ts';

/** How many differences of a vector are in the page. */
const SHOWN = 200;

/** The result of `irqloom conform`: one HTML file. */
export function conformHtml(result: ConformResult): string {
  const { profile, vectors, answers, differ, unsupported, notRequired } = result;
  return page({
    title: differ === 0 ? 'No answer differs' : 'Answers differ',
    text: `Each vector was run on a machine of its own, and each answer compared with the recorded one, by the profile ${profile}.`,
    verdict:
      differ > 0
        ? { kind: 'bad', text: `${plural(differ, 'answer')} differ` }
        : unsupported > 0
          ? { kind: 'warn', text: `${plural(unsupported, 'answer')} could not be given` }
          : { kind: 'good', text: 'Every required answer is the recorded one' },
    tiles: [
      { name: 'vectors', value: count(vectors.length) },
      { name: 'answers', value: count(answers), more: `${count(notRequired)} without a required answer` },
      { name: 'differ', value: count(differ) },
      { name: 'unsupported', value: count(unsupported) },
    ],
    parts: [
      { title: 'Differences', cards: vectors.flatMap(differenceCard) },
      {
        title: 'All vectors',
        cards: [
          tableCard('vectors', 'Vector by vector', 'How the answers of each compare.', {
            narrow: ['vector', 'differ', 'agree', 'answers'],
            head: ['vector', 'differ', 'agree', 'unsupported', 'not required', 'answers'],
            rows: vectors.map((vector) => [
              vector.name,
              count(vector.differ),
              count(vector.agree),
              count(vector.unsupported),
              count(vector.notRequired),
              count(vector.answers),
            ]),
          }),
        ],
      },
    ],
    notes: [`irqloom conform, profile ${profile}.`],
  });
}

function differenceCard({ name, differences }: VectorResult, index: number): string[] {
  if (differences.length === 0) return [];
  const shown = differences.slice(0, SHOWN);
  const more = differences.length > SHOWN ? ` The first ${SHOWN} of ${count(differences.length)}.` : '';
  const said = (answer: unknown) => (answer === null ? 'no answer' : JSON.stringify(answer));
  return [
    tableCard(`differ-${index}`, `${name}.vec`, `Answers that are not the recorded ones.${more}`, {
      head: ['line', 'step', 'expected', 'got'],
      rows: shown.map(({ line, step, expected, got }) => [String(line), step, said(expected), said(got)]),
    }),
  ];
}
