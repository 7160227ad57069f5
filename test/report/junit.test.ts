import { describe, expect, test } from 'vitest';
import type { VectorResult } from '../../src/conformance/index.ts';
import { type JUnitCase, junitXml } from '../../src/report/junit.ts';
import { conformSuite, guestsSuite } from '../../src/report/junit-results.ts';
import { type Element, readXml } from './xml.ts';

/** Everything that breaks a careless writer. */
const HOSTILE = `a "b" 'c' <d> & </testcase> ]]> &amp; \n\ttab é 🧵`;

const suite = (...cases: JUnitCase[]) => junitXml({ name: 'irqloom test', cases, seconds: 1.5 });
const casesOf = (xml: string): Element[] => readXml(xml).children[0]?.children ?? [];

describe('a JUnit report', () => {
  test('a JUnit report is well-formed, and a reader gets a hostile name back unchanged', () => {
    const failure = { message: HOSTILE, text: HOSTILE };
    const [found] = casesOf(suite({ name: HOSTILE, about: HOSTILE, seconds: 0.25, failure }));
    expect(found?.attributes).toEqual({ name: HOSTILE, classname: HOSTILE, time: '0.250' });
    expect(found?.children[0]).toMatchObject({ name: 'failure', attributes: { message: HOSTILE } });
    expect(found?.children[0]?.text).toBe(HOSTILE);
  });

  test('a JUnit report replaces characters that XML lacks: control characters, halves of surrogates', () => {
    const [found] = casesOf(suite({ name: 'a\u0000b\u001bc\ud83dd\uddf5e\uffff', about: 'x' }));
    expect(found?.attributes.name).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
  });

  test('a JUnit report counts tests, failures and errors, and has the properties of the run', () => {
    const said = { message: 'm', text: 't' };
    const cases: JUnitCase[] = [
      { name: 'a', about: 'x' },
      { name: 'b', about: 'x', failure: said },
      { name: 'c', about: 'x', error: said },
    ];
    const read = readXml(junitXml({ name: 'n', cases, seconds: 2, properties: { 'seed "x"': 7 } }));
    for (const element of [read, read.children[0]])
      expect(element?.attributes).toEqual({
        name: 'n',
        tests: '3',
        failures: '1',
        errors: '1',
        time: '2.000',
      });
    const [properties] = read.children[0]?.children ?? [];
    expect(properties?.children[0]?.attributes).toEqual({ name: 'seed "x"', value: '7' });
  });

  test('the reader of these tests refuses a malformed report', () => {
    const good = suite({ name: 'a', about: 'x', failure: { message: 'm', text: 't' } });
    expect(() => readXml(good)).not.toThrow();
    for (const [from, to] of [
      ['name="a"', 'name="a" & b="c"'],
      ['name="a"', 'name="a<b"'],
      ['name="a"', 'name="a\nb"'],
      ['>t<', '>&<'],
      ['>t<', '>\u0000<'],
      ['</failure>', '</testcase>'],
      ['</testsuites>', ''],
    ] as const) {
      expect(good).toContain(from);
      expect(() => readXml(good.replace(from, to)), to).toThrow();
    }
  });
});

describe('the checks of a result', () => {
  const vector: VectorResult = {
    name: 'its',
    answers: 2,
    agree: 2,
    differ: 0,
    unsupported: 0,
    notRequired: 0,
    differences: [],
  };
  const conform = (each: VectorResult) =>
    conformSuite(
      {
        schemaVersion: 1,
        command: 'conform',
        profile: 'kvm',
        vectors: [each],
        answers: 2,
        differ: each.differ,
        unsupported: each.unsupported,
        notRequired: 0,
      },
      1,
    ).cases[0];

  test('a vector that differs fails, a vector that cannot be answered is an error, a vector that agrees is neither', () => {
    expect(conform(vector)).toEqual({ name: 'its', about: 'irqloom.conform.kvm' });
    expect(conform({ ...vector, differ: 1 })).toHaveProperty('failure.message', '1 answer differ');
    expect(conform({ ...vector, unsupported: 2 })).toHaveProperty(
      'error.message',
      '2 answers could not be given',
    );
  });

  test('a guest with wrong deliveries fails, and the failure lists the deliveries', () => {
    const guest = {
      name: 'ipi',
      vcpus: 1,
      expected: 1,
      delivered: 0,
      missing: 1,
      extra: 0,
      unexpected: 0,
      spurious: 0,
      failure: null,
      wrong: [{ vcpu: 0, intid: 3, expected: 1, got: 0 }],
      seconds: 1,
    };
    const of = (each: typeof guest) =>
      guestsSuite({ schemaVersion: 1, command: 'guests', guests: [each], failed: 1 }).cases[0];
    expect(of(guest)?.failure?.text).toBe('vCPU 0, INTID 3: expected 1, got 0');
    expect(of({ ...guest, missing: 0, delivered: 1 })).not.toHaveProperty('failure');
  });
});
