import { IrqError } from '../../base/irq-error.ts';
import { didYouMean } from '../../base/suggestion.ts';
import { readThrown } from '../../base/thrown.ts';
import { asyncError, show } from './hooks.ts';

/** The parts of a scenario that the checks read. */
export type Shape = {
  /** The scenario's name in messages. */
  readonly label: string;
  readonly name: string;
  readonly words: number | undefined;
  readonly threadNames: readonly string[];
  readonly has: { readonly finally: boolean; readonly names: boolean; readonly outcomes: boolean };
};

/** Threads are bits of one small integer. */
export const MOST_THREADS = 30;

const NAME = /^[\w.+-]{1,80}$/;
/** Threads are named in columns. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const THREAD = /^[^\u0000-\u001f\u007f-\u009f]{1,80}$/;

const KEYS = ['name', 'setup', 'words', 'own', 'threads', 'finally', 'names', 'outcomes'];
const OUTCOME_KEYS = ['of', 'allowed', 'interesting'];

/**
 * Checks the shape of a scenario.
 * @throws IrqError `ERR_SCENARIO` with the mistake and the right form, also if a getter of the scenario throws.
 */
export function readShape(value: unknown, where: string): Shape {
  try {
    return read(value, where);
  } catch (thrown) {
    if (thrown instanceof IrqError) throw thrown;
    throw new IrqError(
      'ERR_SCENARIO',
      `${where} is not a scenario: reading it throws: ${readThrown(thrown).message}; right would be an object of plain properties`,
      { cause: thrown },
    );
  }
}

function read(value: unknown, where: string): Shape {
  if (!isRecord(value)) {
    return refuse(where, `it exports ${show(value)}`, 'export default { name, setup, threads, finally? }');
  }
  const { name = 'scenario', setup, words, own, threads, finally: check, names, outcomes } = value;
  if (typeof name !== 'string' || !NAME.test(name)) {
    return refuse(where, `\`name\` is ${show(name)}`, 'letters, digits, and . _ + - only, at most 80');
  }
  const label = `${where} (${name})`;
  requireKeys(label, '', value, KEYS);
  if (setup !== undefined && typeof setup !== 'function') {
    return refuse(
      label,
      `\`setup\` is ${show(setup)}`,
      'setup() { return { words: new Int32Array(new SharedArrayBuffer(64)) } }',
    );
  }
  if ((setup === undefined) === (words === undefined)) {
    return refuse(
      label,
      'it has to have either `setup` or `words`',
      '`words: n` for n shared words, `setup()` for anything else',
    );
  }
  if (words !== undefined && !(Number.isInteger(words) && Number(words) > 0 && Number(words) <= 1 << 24)) {
    return refuse(label, `\`words\` is ${show(words)}`, 'a whole number from 1 to 16777216');
  }
  const threadNames = requireThreads(label, threads);
  for (const [what, hook] of Object.entries({ setup, finally: check, own, names }))
    if (hook !== undefined) requirePlain(label, what, hook);
  if (outcomes !== undefined) requireOutcomes(label, outcomes);
  return {
    label,
    name,
    words: words as number | undefined,
    threadNames,
    has: { finally: check !== undefined, names: names !== undefined, outcomes: outcomes !== undefined },
  };
}

function requireThreads(label: string, threads: unknown): string[] {
  const bodies = isRecord(threads) ? Object.entries(threads) : [];
  if (bodies.length === 0) {
    return refuse(label, `\`threads\` is ${show(threads)}`, 'threads: { a(state) { … }, b(state) { … } }');
  }
  if (bodies.length > MOST_THREADS) {
    return refuse(label, `it has ${bodies.length} threads`, `at most ${MOST_THREADS}`);
  }
  for (const [thread, body] of bodies) {
    if (!THREAD.test(thread)) {
      refuse(
        label,
        `the name of a thread is ${JSON.stringify(thread)}`,
        'one to 80 characters, none of them a control character',
      );
    }
    requirePlain(label, `threads.${thread}`, body);
  }
  return bodies.map(([thread]) => thread);
}

function requireOutcomes(label: string, outcomes: unknown): void {
  const right = "outcomes: { of: (state) => '0,1', allowed: ['0,1'] }";
  if (!isRecord(outcomes)) refuse(label, `\`outcomes\` is ${show(outcomes)}`, right);
  requireKeys(label, 'outcomes.', outcomes, OUTCOME_KEYS);
  const { of, allowed, interesting = [] } = outcomes;
  requirePlain(label, 'outcomes.of', of);
  for (const [what, list] of Object.entries({ allowed, interesting })) {
    const odd = Array.isArray(list) ? list.find((each) => typeof each !== 'string') : list;
    if (Array.isArray(list) && odd === undefined && !list.includes(undefined)) continue;
    const wrong = Array.isArray(list) ? `has ${show(odd)} in it` : `is ${show(list)}`;
    refuse(label, `\`outcomes.${what}\` ${wrong}`, `a list of strings: ${right}`);
  }
}

/** A misspelt key would be ignored silently. Objects of classes may have any keys. */
function requireKeys(label: string, of: string, value: object, known: readonly string[]): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return;
  const key = Object.keys(value).find((each) => !known.includes(each));
  if (key === undefined) return;
  throw new IrqError(
    'ERR_SCENARIO',
    `${label} is not a scenario: there is no key \`${of}${key}\`${didYouMean(key, known)} (there are: ${known.join(', ')})`,
  );
}

function requirePlain(where: string, what: string, value: unknown): void {
  if (typeof value !== 'function')
    refuse(where, `\`${what}\` is ${show(value)}`, `a function: ${what.split('.').at(-1)}(state) { … }`);
  const kind = Object.getPrototypeOf(value)?.constructor?.name;
  if (kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction')
    throw asyncError(where, what, 'is async');
  if (kind === 'GeneratorFunction') {
    throw new IrqError(
      'ERR_SCENARIO',
      `${where}: \`${what}\` is a generator, and would never run. Take the * away; to give way to other threads, just call Atomics: each call is a point where another thread may go on`,
    );
  }
}

function refuse(where: string, wrong: string, right: string): never {
  throw new IrqError('ERR_SCENARIO', `${where} is not a scenario: ${wrong}; right would be: ${right}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
