import { describe, expect, test } from 'vitest';
import {
  always,
  drop,
  type Edit,
  edited,
  guardsIn,
  instead,
  never,
  toBefore,
  toBehind,
  value,
  withoutFirst,
  withoutLast,
} from './edit.ts';

/** The code with one edit of the guard `the-guard`, without tags, its white space made one. */
const done = (code: string, edit: Edit) =>
  edited(code, [{ guard: 'the-guard', edit }])
    .replace(/\/\/ guard: .*/g, '')
    .replace(/\s+/g, ' ')
    .trim();

const TAG = '// guard: the-guard\n';
const OTHER = '// guard: the-other\n';
const inBlock = (code: string) => `function f() {\n${code}\n}`;

describe('an edit of what a guard tags', () => {
  test.each([
    [`a();\n${TAG}b();\nc();`, 'a(); c();'],
    [`if (a)\n${TAG}b();\nc();`, 'if (a) {} c();'],
    [`class A {\n${TAG}  b() {}\n  c() {}\n}`, 'class A { c() {} }'],
    [`a();\n${TAG}if (b) c();\nelse d();\ne();`, 'a(); e();'],
  ])('drops the statement or the member: %j', (code, result) => {
    expect(done(code, drop)).toBe(result);
  });

  test.each([
    [`${TAG}if (a) b();\nelse c();`, never, 'c();'],
    [`${TAG}if (a) b();\nelse c();`, always, 'b();'],
    [`${TAG}if (a) b();\nc();`, never, 'c();'],
    [`if (z)\n${TAG}if (a) b();`, never, 'if (z) {}'],
    [`${TAG}while (a) b();`, always, 'while (true) b();'],
    [inBlock(`${TAG}return a || b;`), never, 'function f() { return false; }'],
    [`${TAG}const a = b;`, always, 'const a = true;'],
  ])('decides a condition, or a value: %j', (code, edit, result) => {
    expect(done(code, edit)).toBe(result);
  });

  test.each([
    [`${TAG}if (a && b && c) d();`, withoutFirst, 'if (b && c) d();'],
    [`${TAG}if (a && b && c) d();`, withoutLast, 'if (a && b) d();'],
    [`${TAG}if (a || (b && c)) d();`, withoutFirst, 'if ((b && c)) d();'],
    [inBlock(`${TAG}return a && b || c;`), withoutFirst, 'function f() { return c; }'],
    [`${TAG}const a = (b & c) | d;`, withoutLast, 'const a = (b & c);'],
  ])('takes an operand away: %j', (code, edit, result) => {
    expect(done(code, edit)).toBe(result);
  });

  test.each([
    [`${TAG}if (a) b();`, value('$ && c'), 'if (a && c) b();'],
    [`${TAG}for (let a = 0; a < b; a++) c();`, value('a < 1'), 'for (let a = 0; a < 1; a++) c();'],
    [`${TAG}const a = 512;`, value('2'), 'const a = 2;'],
    [`${TAG}a(b);`, instead('c();\n$\n$'), 'c(); a(b); a(b);'],
    [`${TAG}a(b);`, instead('$a(b$, $b);'), '$a(b$, $b);'],
  ])('puts other code in place: %j', (code, edit, result) => {
    expect(done(code, edit)).toBe(result);
  });

  test.each([
    [`a();\n${OTHER}b();\n${TAG}c();\nd();`, toBefore('the-other'), 'a(); c(); b(); d();'],
    [`${TAG}a();\nb();\n${OTHER}c();\nd();`, toBehind('the-other'), 'b(); c(); a(); d();'],
  ])('moves the statement: %j', (code, edit, result) => {
    expect(done(code, edit)).toBe(result);
  });

  test('is followed by others, which see what it has made', () => {
    const edits = [
      { guard: 'the-guard', edit: toBehind('the-other') },
      { guard: 'the-other', edit: instead('x();') },
      { guard: 'the-guard', edit: instead('y();') },
    ];
    expect(edited(`${TAG}a();\n${OTHER}b();\n`, edits).trim().split(/\s+/)).toEqual(['x();', 'y();']);
  });

  test('takes the tag for what begins behind it, comments between them or not', () => {
    expect(done(`${TAG}// Why.\na();\nb();`, drop)).toBe('b();');
    expect(guardsIn(`  ${TAG}a();\n${OTHER}b(); // guard: of-nothing\n`)).toEqual(['the-guard', 'the-other']);
  });
});

describe('an edit is refused', () => {
  test.each([
    ['a();', drop, 'guard "the-guard" is tagged 0 times in its file, not once'],
    [`${TAG}a();\n${TAG}b();`, drop, 'guard "the-guard" is tagged 2 times in its file, not once'],
    [
      inBlock(`a();\n${TAG}`),
      drop,
      'guard "the-guard" tags nothing: no statement or class member begins behind it',
    ],
    [`a(\n${TAG}b, () => {\nc();\n});`, drop, 'guard "the-guard" tags nothing'],
    [
      `${TAG}a();`,
      never,
      '"never" does not fit what guard "the-guard" tags: it takes an if, a while, a for,',
    ],
    [
      `${TAG}if (a) b();`,
      withoutLast,
      '"withoutLast" does not fit what guard "the-guard" tags: it takes an operation',
    ],
    [`${TAG}a();`, toBefore('the-other'), 'guard "the-other" is tagged 0 times'],
    [
      `${TAG}a();\nif (b) {\n${OTHER}c();\n}`,
      toBehind('the-other'),
      'it takes a statement of the block of "the-other"',
    ],
    ['// guard: Guard\na();', drop, 'a guard is named by two to five lower-case words, not "Guard"'],
  ])('where it does not fit: %j', (code, edit, message) => {
    expect(() => done(code, edit)).toThrow(message);
  });
});
