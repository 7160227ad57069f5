import { readInputFile } from '../../base/input-file.ts';
import { IrqError } from '../../base/irq-error.ts';
import { JsonLine, type JsonObject, type JsonValue } from '../../base/json-line.ts';
import type { Mark } from './vector-step.ts';

/** The answer of one observing step. */
export type VectorAnswer = {
  /** Index of the answer, from 0. */
  readonly i: number;
  /** The step's line in the vector, from 1. */
  readonly line: number;
  /** The step's first word. */
  readonly op: string;
  /** The observed values, named as in the vector language; includes `{unsupported: true}` if the target cannot observe. */
  readonly fields: JsonObject;
  readonly marks: readonly Mark[];
};

/**
 * The implementation whose answers a model must give: QEMU, KVM (QEMU's answers as changed by marks), or the architecture. `kvm` is
 * the newest measured kernel. A mark of one kernel, such as `!kvm:6.1={..}`, overrides a mark of all kernels, `!kvm={..}`.
 */
export const PROFILES = ['qemu', 'kvm', 'kvm:6.1', 'kvm:6.12', 'kvm:7.2', 'arch'] as const;
export type Profile = (typeof PROFILES)[number];

/** The profile that `kvm` means. */
const NEWEST: Profile = 'kvm:7.2';

export type AnswerDifference = {
  /** The step's line in the vector. */
  readonly line: number;
  /** The step's text in the vector; empty if unknown. */
  readonly step: string;
  /** Null if that side has no more answers. */
  readonly expected: JsonObject | null;
  readonly got: JsonObject | null;
};

export type AnswerComparison = {
  /** Answers of the side with more answers: `agree + differ + unsupported + notRequired`. */
  readonly answers: number;
  readonly agree: number;
  readonly differ: number;
  /** Answers that the target does not support. */
  readonly unsupported: number;
  /** Answers for which the profile has no requirement. */
  readonly notRequired: number;
  readonly differences: readonly AnswerDifference[];
};

/** One line of a recording of answers, without the newline. */
export function formatAnswer({ i, line, op, fields, marks }: VectorAnswer): string {
  return JSON.stringify({ i, line, op, ...fields, ...(marks.length > 0 ? { marks } : {}) });
}

/** The file that holds a vector's expected answers: NAME.expected.jsonl beside NAME.vec. */
export const expectedPathOf = (vectorPath: string) => `${vectorPath.replace(/\.vec$/, '')}.expected.jsonl`;

/**
 * Reads recorded answers.
 * @throws IrqError `ERR_FILE`, or `ERR_VECTOR_FORMAT` with file and line.
 */
export function readAnswers(path: string): VectorAnswer[] {
  const text = readInputFile(path, "a vector's expected answers", 64 * 1024 * 1024).toString('utf8');
  return parseAnswers(text, path);
}

/** Parses recorded answers from text. @throws IrqError `ERR_VECTOR_FORMAT` */
export function parseAnswers(text: string, file: string): VectorAnswer[] {
  const line = new JsonLine(file, 'ERR_VECTOR_FORMAT');
  const rows = text.split('\n');
  if (rows.at(-1) === '') rows.pop();
  if (rows.length === 0) {
    throw new IrqError('ERR_VECTOR_FORMAT', `${file}:1: the file is empty; expected an answer a line`);
  }
  return rows.map((row, index) => {
    line.open(row, index + 1);
    const i = line.integer('i', index, index);
    const at = line.integer('line', 1, Number.MAX_SAFE_INTEGER);
    const op = line.text('op');
    const marks = readMarks(line);
    return { i, line: at, op, fields: line.rest(), marks };
  });
}

function readMarks(line: JsonLine): Mark[] {
  if (!line.has('marks')) return [];
  const marks = line.take('marks');
  if (Array.isArray(marks) && marks.every(isMark)) return marks;
  throw line.error(
    'marks is wrong; expected a list of {"who":"kvm","answer":{..},"why":".."}, answer optional',
  );
}

function isMark(value: unknown): value is Mark {
  if (typeof value !== 'object' || value === null) return false;
  const { who, answer, why } = value as Record<string, unknown>;
  const answers =
    answer === undefined || (typeof answer === 'object' && answer !== null && !Array.isArray(answer));
  return typeof who === 'string' && typeof why === 'string' && answers;
}

/** The fields that a profile requires of an answer; null if it requires none. */
function requiredFields({ fields, marks }: VectorAnswer, profile: Profile): JsonObject | null {
  if (profile === 'qemu') return fields;
  const kernel = profile === 'kvm' ? NEWEST : profile;
  const isKvm = kernel !== 'arch';
  const mark = marks.find(({ who }) => who === kernel) ?? marks.find(({ who }) => isKvm && who === 'kvm');
  if (mark === undefined) return fields;
  return isKvm && mark.answer !== undefined ? { ...fields, ...mark.answer } : null;
}

/**
 * Compares a model's answers with a recording, whose marks apply.
 * @param stepAt - the text of the step on a line of the vector, for the differences.
 */
export function compareAnswers(
  answers: readonly VectorAnswer[],
  expected: readonly VectorAnswer[],
  profile: Profile,
  stepAt: (line: number) => string = () => '',
): AnswerComparison {
  const total = Math.max(answers.length, expected.length);
  const differences: AnswerDifference[] = [];
  let agree = 0;
  let unsupported = 0;
  let notRequired = 0;
  for (let i = 0; i < total; i++) {
    const got = answers[i];
    const wanted = expected[i];
    const line = wanted?.line ?? got?.line ?? 0;
    const required = wanted === undefined ? null : requiredFields(wanted, profile);
    if (got === undefined || wanted === undefined) {
      const fields = { expected: wanted?.fields ?? null, got: got?.fields ?? null };
      differences.push({ line, step: stepAt(line), ...fields });
    } else if (required === null) notRequired++;
    else if (got.fields.unsupported === true) unsupported++;
    else if (got.line === wanted.line && got.op === wanted.op && equal(got.fields, required)) agree++;
    else {
      const astray: JsonObject = got.line === wanted.line ? {} : { line: got.line };
      differences.push({ line, step: stepAt(line), expected: required, got: { ...astray, ...got.fields } });
    }
  }
  return { answers: total, agree, differ: differences.length, unsupported, notRequired, differences };
}

/** Whether two JSON values are equal; ignores the order of an object's names. */
function equal(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  const [left, right] = [a as JsonObject, b as JsonObject];
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => {
    const [one, other] = [left[name], right[name]];
    return one !== undefined && other !== undefined && equal(one, other);
  });
}
