import { passed } from '../conformance/guests/guests-result.ts';
import type { ConformResult, GuestsResult } from '../conformance/index.ts';
import { heldUp, type RaceRun } from '../races/run.ts';
import type { StressResult } from '../stress/index.ts';
import type { JUnitCase, JUnitSuite } from './junit.ts';
import { raceText } from './races-text.ts';
import { violationLines } from './stress-text.ts';
import { count, plural } from './units.ts';

const KINDS = ['lost', 'misrouted', 'spurious', 'stranded'] as const;

/** A stress run: a check for each kind of violation, and a check that anything was delivered at all. */
export function stressSuite(result: StressResult): JUnitSuite {
  const { config, violations, delivered, seconds } = result;
  const about = 'irqloom.stress';
  const cases = KINDS.map((kind): JUnitCase => {
    const name = `no interrupt is ${kind}`;
    if (result[kind] === 0) return { name, about, seconds };
    const text = violationLines(violations.filter((each) => each.kind === kind)).join('\n');
    return { name, about, seconds, failure: { message: `${kind}: ${count(result[kind])}`, text } };
  });
  const { rules, programs } = result;
  if (rules) {
    const test = { name: 'no rule is broken at rest', about, seconds };
    const failure = { message: `broken: ${count(rules.broken)}`, text: rules.breaches.join('\n') };
    cases.push(rules.broken === 0 ? test : { ...test, failure });
  }
  if (programs) {
    const test = { name: 'no drawn program fails', about, seconds: programs.seconds };
    const { failure } = programs;
    const text = failure ? [failure.message, ...failure.threads, failure.token].join('\n') : '';
    cases.push(
      failure ? { ...test, failure: { message: `${failure.program}: ${failure.kind}`, text } } : test,
    );
  }
  const any = { name: 'interrupts are delivered', about, seconds };
  const none = {
    message: 'no interrupt was delivered',
    text: 'no handler has run, so the run proved nothing',
  };
  return {
    name: 'irqloom stress',
    seconds,
    cases: [...cases, delivered > 0 ? any : { ...any, error: none }],
    properties: Object.fromEntries(
      Object.entries(config).filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
    ) as Record<string, string | number>,
  };
}

/** The catalogue of races: a check for each. */
export function racesSuite(runs: readonly RaceRun[], seed: number, seconds: number): JUnitSuite {
  const cases = runs.map((run): JUnitCase => {
    const { slug, found, fixed } = run.result;
    const test = { name: slug, about: 'irqloom.races' };
    if (heldUp(run.result)) return test;
    const message = found ? `the fix: ${fixed.verdict}` : 'the bug was not found with its symptom';
    return { ...test, failure: { message, text: raceText(run) } };
  });
  return { name: 'irqloom races', cases, seconds, properties: { seed } };
}

/** Guests: a check for each. */
export function guestsSuite({ guests }: GuestsResult): JUnitSuite {
  const cases = guests.map((guest): JUnitCase => {
    const { name, seconds, failure, wrong } = guest;
    const test = { name, about: 'irqloom.guests', seconds };
    if (passed(guest)) return test;
    const text = wrong.map(
      ({ vcpu, intid, expected, got }) => `vCPU ${vcpu}, INTID ${intid}: expected ${expected}, got ${got}`,
    );
    return { ...test, failure: { message: failure ?? 'deliveries are wrong', text: text.join('\n') } };
  });
  return { name: 'irqloom guests', cases, seconds: guests.reduce((sum, { seconds }) => sum + seconds, 0) };
}

/** Conformance vectors: a check for each. */
export function conformSuite({ vectors, profile }: ConformResult, seconds: number): JUnitSuite {
  const cases = vectors.map(({ name, differ, unsupported, differences }): JUnitCase => {
    const test = { name, about: `irqloom.conform.${profile}` };
    const text = differences
      .map(
        ({ line, step, expected, got }) =>
          `${name}.vec:${line}: ${step}\n  expected ${JSON.stringify(expected)}\n  got      ${JSON.stringify(got)}`,
      )
      .join('\n');
    if (differ > 0) return { ...test, failure: { message: `${plural(differ, 'answer')} differ`, text } };
    if (unsupported === 0) return test;
    return { ...test, error: { message: `${plural(unsupported, 'answer')} could not be given`, text } };
  });
  return { name: 'irqloom conform', cases, seconds, properties: { profile } };
}
