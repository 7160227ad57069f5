import { Chance } from '../../src/base/chance.ts';
import { IrqError } from '../../src/base/irq-error.ts';
import { corpusOf } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutations.ts';
import type { Target } from './target.ts';

/** What the main thread gives a worker. `state`: inputs tried, bytes of the present input, then these bytes. */
export type FuzzTask = {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** The fuzzer ends after so many inputs, however long these take; left out: when the time is over. */
  readonly inputs?: number;
  readonly state: SharedArrayBuffer;
};

export const STATE_HEAD = 16;

/** What a worker answers at the end. */
export type FuzzAnswer = {
  readonly inputs: number;
  /** Inputs that the product read without an error; the rest were refused by an error with a code. */
  readonly taken: number;
  readonly blocks: number;
  /** Inputs that ran something new. */
  readonly kept: readonly Uint8Array[];
  readonly crash: { readonly input: Uint8Array; readonly error: string } | null;
};

/** Inputs between two questions to V8. */
const BATCH = 64;

/** What an input does: `taken`, `refused` by an error with a code, or what else was thrown. */
export function tryInput(target: Target, input: Uint8Array): 'taken' | 'refused' | Error {
  try {
    target.read(input);
    return 'taken';
  } catch (error) {
    if (error instanceof IrqError) return 'refused';
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Fuzzes one target until the time is over, or an input is neither read nor refused. */
export function fuzz(
  target: Target,
  { seed, seconds, inputs: most, state }: Omit<FuzzTask, 'target'>,
): FuzzAnswer {
  const words = target.words.map((word) => Buffer.from(word, 'latin1'));
  const chance = new Chance(seed);
  chance.begin(0);
  const coverage = new Coverage();
  const corpus = [...target.seeds(), ...corpusOf(target.name)];
  const kept: Uint8Array[] = [];
  const counters = new Int32Array(state, 0, STATE_HEAD / 4);
  const present = new Uint8Array(state, STATE_HEAD);
  const end = performance.now() + seconds * 1000;
  const isOver = () => (most === undefined ? performance.now() > end : inputs >= most);
  let taken = 0;
  let inputs = 0;
  const attempt = (input: Uint8Array): Error | undefined => {
    present.set(input.subarray(0, present.length));
    Atomics.store(counters, 1, input.length);
    Atomics.store(counters, 0, ++inputs);
    const outcome = tryInput(target, input);
    if (outcome === 'taken') taken++;
    return outcome instanceof Error ? outcome : undefined;
  };
  const answer = (crash: FuzzAnswer['crash'] = null) => ({
    inputs,
    taken,
    blocks: coverage.size,
    kept,
    crash,
  });
  let batch: Uint8Array[] = [...corpus];
  for (let isFirst = true; ; isFirst = false) {
    for (const input of batch) {
      const error = attempt(input);
      if (error) return answer({ input, error: error.stack ?? error.message });
      if (isOver()) return answer();
    }
    if (isFirst) coverage.gained();
    else if (coverage.hasNews()) {
      for (const input of batch) {
        tryInput(target, input);
        if (!coverage.gained()) continue;
        corpus.push(input);
        kept.push(input);
      }
    }
    const parent = () => corpus[chance.below(corpus.length)] ?? new Uint8Array();
    batch = Array.from({ length: BATCH }, () => mutate(chance, parent(), corpus, words));
  }
}
