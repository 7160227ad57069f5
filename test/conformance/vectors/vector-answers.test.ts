import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  compareAnswers,
  expectedPathOf,
  formatAnswer,
  parseAnswers,
  readAnswers,
  type VectorAnswer,
} from '../../../src/conformance/vectors/vector-answers.ts';
import { readVector } from '../../../src/conformance/vectors/vector-language.ts';
import { observes } from '../../../src/conformance/vectors/vector-step.ts';

const VECTORS = new URL('../../fixtures/vectors/', import.meta.url).pathname;
const NAMES = readdirSync(VECTORS).filter((name) => name.endsWith('.vec'));

describe.each(NAMES)('the recorded answers of %s', (name) => {
  const path = expectedPathOf(VECTORS + name);
  const expected = readAnswers(path);

  test('recorded answers are read without loss', () => {
    expect(expected.map(formatAnswer)).toEqual(readFileSync(path, 'utf8').trim().split('\n'));
  });

  test('recorded answers match the observing steps of the vector and their marks', () => {
    const observing = readVector(VECTORS + name).steps.filter(({ action }) => observes(action));
    expect(expected.map(({ line, op, marks }) => [line, op, marks])).toEqual(
      observing.map(({ line, text, marks }) => [line, text.split(/\s+/)[0], marks]),
    );
  });

  test("are QEMU's, and the model that gives KVM's agrees under kvm", () => {
    const kvm = expected.map((answer) => {
      const mark = answer.marks.find(({ who }) => who === 'kvm');
      return { ...answer, fields: { ...answer.fields, ...mark?.answer } };
    });
    const n = expected.length;
    expect(compareAnswers(expected, expected, 'qemu')).toMatchObject({ answers: n, agree: n, differ: 0 });
    expect(compareAnswers(kvm, expected, 'kvm')).toMatchObject({ answers: n, differ: 0, unsupported: 0 });
    const marked = expected.filter(({ marks }) => marks.some((mark) => mark.who === 'kvm' && mark.answer));
    expect(compareAnswers(expected, expected, 'kvm').differ).toBe(marked.length);
  });
});

describe('a comparison', () => {
  const answer = (i: number, fields: VectorAnswer['fields'], marks: VectorAnswer['marks'] = []) => {
    return { i, line: i + 1, op: 'r32', fields, marks };
  };
  const expected = [
    answer(0, { at: 'GICD.CTLR', value: '0x50' }),
    answer(1, { value: '0x3' }, [{ who: 'kvm', answer: { value: '0x7' }, why: 'IR' }]),
    answer(2, { value: '0x1' }, [{ who: 'kvm', why: 'free' }]),
    answer(3, { pending: [[0, 8192]] }, [{ who: 'arch', why: 'UNPREDICTABLE' }]),
  ];
  const got = [
    answer(0, { value: '0x50', at: 'GICD.CTLR' }),
    answer(1, { value: '0x3' }),
    answer(2, { value: '0xff' }),
    answer(3, { unsupported: true }),
  ];

  test('a comparison requires the answers of its profile', () => {
    expect(compareAnswers(got, expected, 'kvm', (line) => `step ${line}`)).toEqual({
      answers: 4,
      agree: 1,
      differ: 1,
      unsupported: 1,
      notRequired: 1,
      differences: [{ line: 2, step: 'step 2', expected: { value: '0x7' }, got: { value: '0x3' } }],
    });
    expect(compareAnswers(got, expected, 'qemu')).toMatchObject({ agree: 2, differ: 1, unsupported: 1 });
    expect(compareAnswers(got, expected, 'arch')).toMatchObject({
      agree: 2,
      differ: 1,
      unsupported: 0,
      notRequired: 1,
    });
  });

  test('a comparison finds missing answers, extra answers, and answers of another step or shape', () => {
    expect(compareAnswers(got.slice(0, 1), expected, 'qemu').differences.at(-1)).toEqual({
      line: 4,
      step: '',
      expected: { pending: [[0, 8192]] },
      got: null,
    });
    const tooMany = compareAnswers([...expected, answer(4, { value: '0x0' })], expected, 'qemu');
    expect(tooMany).toMatchObject({ agree: 4, differ: 1, differences: [{ line: 5, expected: null }] });
    const one = [answer(0, { pending: [[0, 8192]] })];
    const differ = (other: VectorAnswer) => compareAnswers([other], one, 'qemu').differ;
    expect(differ(answer(0, { pending: [[0, 8192]] }))).toBe(0);
    expect(differ({ ...answer(0, { pending: [[0, 8192]] }), line: 9 })).toBe(1);
    expect(differ(answer(0, { pending: [[0, 8193]] }))).toBe(1);
    expect(differ(answer(0, { pending: [] }))).toBe(1);
    expect(differ(answer(0, { pending: { 0: [0, 8192] } }))).toBe(1);
    expect(differ(answer(0, { pending: [[0, 8192]], more: 1 }))).toBe(1);
  });
});

test.each<[string, RegExp]>([
  ['', /^x:1: the file is empty/],
  ['{"i":0,"line":1,"op":"kick"}\n{"i":0,"line":2,"op":"kick"}', /^x:2: i is 0; expected 1$/],
  ['{"i":0,"line":1,"op":"kick"}\n\n{}', /^x:2: the line is empty/],
  ['{"i":0,"op":"kick"}', /^x:1: line is missing; expected a whole number/],
  ['{"i":0,"line":1}', /^x:1: op is missing; expected a string/],
  ['{"i":0,"line":1,"op":"kick","marks":[{"who":"kvm"}]}', /^x:1: marks is wrong; expected a list/],
  ['{"i":0,"line":1,"op":"kick","marks":{}}', /^x:1: marks is wrong/],
  ['{"i":0', /^x:1: .* is not JSON/],
  ['[]', /^x:1: "\[\]" is not a JSON object/],
])('damaged answers are refused: %j', (text, message) => {
  expect(() => parseAnswers(text, 'x')).toThrow(message);
  expect(() => parseAnswers(text, 'x')).toThrow(expect.objectContaining({ code: 'ERR_VECTOR_FORMAT' }));
});

test('a vector without recorded answers is refused by name', () => {
  expect(expectedPathOf('a/b.vec')).toBe('a/b.expected.jsonl');
  expect(() => readAnswers('nowhere/b.expected.jsonl')).toThrow(
    /^nowhere\/b\.expected\.jsonl: there is no such file/,
  );
});
