import { readInputFile } from '../../base/input-file.ts';
import { MAX_CPUS, parseAction } from './vector-action.ts';
import type { ItsNumber } from './vector-layout.ts';
import { parseMark } from './vector-mark.ts';
import { type Mark, observes, type Vector, type VectorMachine } from './vector-step.ts';
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
 * - `title TEXT`, `machine cpus=N [itses=2] [vms=2]` (default 4 vCPUs, one ITS, one VM);
 * - `its N`, `vm N`: the ITS and the VM that the steps after it concern, at first 0;
 * - `carry DEVICE GROUP ATTR`, `carry-ram`: an attribute, and all guest memory, of the other VM, written into this one;
 * - `r8|r16|r32|r64 REG`, `w8|w16|w32|w64 REG VALUE`; `fill GPA LEN BYTE`, `mem64 GPA VALUE`;
 * - `setup-dist`, `setup-lpis [idbits=16] [cpus=0,1]`, `setup-its [queue=16]`, `zero-itt dev=D`;
 * - `cmd NAME k=v..`, `queue NAME k=v..`, `queue*N NAME k=v..`, `kick`;
 * - `msi dev=D event=E`, `line spi=N level=L`, `line ppi=N cpu=C level=L`;
 * - `lpi-config INTID on|off [prio=0xa0]`, `lpi-pending INTID cpu=C`, `lpi-pending-all`;
 * - `cpu N on|off|pmr V|eoimode M|eoi INTID|dir INTID|sgi INTID to=LIST|hppi|ack|drain [MAX]|take [MAX]|irq|fiq|rpr|pmr?`;
 * - `cpu N r REG`, `cpu N w REG VALUE`: a system register of the CPU interface, named without ICC_ and _EL1;
 * - `attr get|set|has vgic|its GROUP ATTR [VALUE]`: a device attribute, such as `attr set its CTRL ITS_SAVE_TABLES`;
 * - `route gsi=G pin=P`, `route gsi=G dev=D event=E`; `irqfd FD gsi=G [resample=FD] [off=1]`, `signal FD`, `told FD`: eventfds 0 to 15;
 * - `!WHO[={json}] WHY` marks the next step, which must be an observing one.
 *
 * @throws IrqError `ERR_VECTOR_FORMAT` if any line is wrong.
 */
export function parseVector(text: string, file: string): Vector {
  const lines = text.split(/\r?\n/).map((raw) => raw.replace(/(^|\s)#.*$/, '').trim());
  const machine = readMachine(lines, file);
  const steps: Vector['steps'][number][] = [];
  let title = '';
  let marks: Mark[] = [];
  let markedAt = 0;
  let its: ItsNumber = 0;
  lines.forEach((content, index) => {
    if (content === '') return;
    const line = index + 1;
    const words = new VectorWords(file, line, machine, its);
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
    const action = parseAction(words, first, rest);
    if (action.op === 'its') its = action.number;
    if (marks.length > 0 && !observes(action)) {
      throw words.error(
        `${first} observes nothing; expected a step that does after the mark of line ${markedAt}`,
      );
    }
    steps.push({ line, text: content, action, marks });
    marks = [];
  });
  if (marks.length > 0) {
    throw new VectorWords(file, markedAt, machine).error(
      'the mark has no step; expected one that observes after it',
    );
  }
  if (steps.length === 0)
    throw new VectorWords(file, 1, machine).error('the vector has no steps; expected some');
  return { file, title, ...machine, steps };
}

/** The machine of the `machine` line, which may follow other lines: parsing any register needs the number of vCPUs. */
function readMachine(lines: readonly string[], file: string): VectorMachine {
  let machine: VectorMachine | undefined;
  lines.forEach((content, index) => {
    const [first, ...rest] = content.split(/\s+/);
    if (first !== 'machine') return;
    const words = new VectorWords(file, index + 1, LARGEST);
    if (machine !== undefined)
      throw words.error('there is a machine already; expected one line that says so');
    const pairs = words.pairs('machine', rest, ['cpus', 'itses', 'vms']);
    const upTo = (name: 'cpus' | 'itses' | 'vms', otherwise: string) =>
      words.number(`machine ${name}`, pairs.get(name) ?? otherwise, 1, LARGEST[name]);
    machine = {
      cpus: upTo('cpus', '4'),
      itses: upTo('itses', '1') === 2 ? 2 : 1,
      vms: upTo('vms', '1') === 2 ? 2 : 1,
    };
  });
  return machine ?? { cpus: 4, itses: 1, vms: 1 };
}

const LARGEST: VectorMachine = { cpus: MAX_CPUS, itses: 2, vms: 2 };
