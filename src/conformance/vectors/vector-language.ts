import { readInputFile } from '../../base/input-file.ts';
import { MAX_CPUS, parseAction } from './vector-action.ts';
import { parseMark } from './vector-mark.ts';
import { type Mark, observes, type Vector } from './vector-step.ts';
import { VectorWords } from './vector-words.ts';

/** The largest accepted vector file. */
const VECTOR_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Reads and checks a conformance vector.
 * @throws IrqError `ERR_FILE`, or `ERR_VECTOR_FORMAT` with file, line and the expected form.
 */
export function readVector(path: string): Vector {
  const bytes = readInputFile(path, 'a conformance vector', VECTOR_LIMIT_BYTES);
  return parseVector(bytes.toString('utf8'), path);
}

/**
 * Reads a vector from its text. One step a line; `#` at the start of a line or after a blank begins a comment:
 *
 * - `title TEXT`, `machine cpus=N` (default 4);
 * - `r8|r16|r32|r64 REG`, `w8|w16|w32|w64 REG VALUE`; `fill GPA LEN BYTE`, `mem64 GPA VALUE`;
 * - `setup-dist`, `setup-lpis [idbits=16] [cpus=0,1]`, `setup-its [queue=16]`, `zero-itt dev=D`;
 * - `cmd NAME k=v..`, `queue NAME k=v..`, `queue*N NAME k=v..`, `kick`;
 * - `msi dev=D event=E`, `line spi=N level=L`, `line ppi=N cpu=C level=L`;
 * - `lpi-config INTID on|off [prio=0xa0]`, `lpi-pending INTID cpu=C`, `lpi-pending-all`;
 * - `cpu N on|off|pmr V|eoimode M|eoi INTID|dir INTID|sgi INTID to=LIST|hppi|ack|drain [MAX]|irq|fiq|rpr|pmr?`;
 * - `cpu N r REG`, `cpu N w REG VALUE`: a system register of the CPU interface, named without ICC_ and _EL1;
 * - `!WHO[={json}] WHY` marks the next step, which must be an observing one.
 *
 * @throws IrqError `ERR_VECTOR_FORMAT` if any line is wrong.
 */
export function parseVector(text: string, file: string): Vector {
  const lines = text.split(/\r?\n/).map((raw) => raw.replace(/(^|\s)#.*$/, '').trim());
  const cpus = readMachine(lines, file);
  const steps: Vector['steps'][number][] = [];
  let title = '';
  let marks: Mark[] = [];
  let markedAt = 0;
  lines.forEach((content, index) => {
    if (content === '') return;
    const line = index + 1;
    const words = new VectorWords(file, line, cpus);
    if (content.startsWith('!')) {
      marks.push(parseMark(words, content));
      markedAt = line;
      return;
    }
    const [first = '', ...rest] = content.split(/\s+/);
    if (first === 'machine') return;
    if (first === 'title') {
      title = content.slice('title'.length).trim();
      return;
    }
    const action = parseAction(words, first, rest, cpus);
    if (marks.length > 0 && !observes(action)) {
      throw words.error(
        `${first} observes nothing; expected a step that does after the mark of line ${markedAt}`,
      );
    }
    steps.push({ line, text: content, action, marks });
    marks = [];
  });
  if (marks.length > 0) {
    throw new VectorWords(file, markedAt, cpus).error(
      'the mark has no step; expected one that observes after it',
    );
  }
  if (steps.length === 0)
    throw new VectorWords(file, 1, cpus).error('the vector has no steps; expected some');
  return { file, title, cpus, steps };
}

/** The number of vCPUs from the `machine` line, which may follow other lines: parsing any register needs the number. */
function readMachine(lines: readonly string[], file: string): number {
  let cpus: number | undefined;
  lines.forEach((content, index) => {
    const [first, ...rest] = content.split(/\s+/);
    if (first !== 'machine') return;
    const words = new VectorWords(file, index + 1, MAX_CPUS);
    if (cpus !== undefined) throw words.error('there is a machine already; expected one line that says so');
    cpus = words.number(
      'machine cpus',
      words.pairs('machine', rest, ['cpus']).get('cpus') ?? '4',
      1,
      MAX_CPUS,
    );
  });
  return cpus ?? 4;
}
