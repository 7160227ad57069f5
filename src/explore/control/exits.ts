import { IrqError } from '../../base/irq-error.ts';
import { framesAbove, stackAbove } from '../telling/sites.ts';

type Exit = (code?: unknown) => never;

/** Taken before code under test is loaded: that code may replace the global object `Object`. */
const { defineProperty } = Object;

/** The functions of `process` that end the process. */
const EXITS = ['exit', 'reallyExit', 'abort'] as const;
const exits = process as unknown as Record<(typeof EXITS)[number], Exit>;

/** Node.js's own functions. */
const NATIVE = EXITS.map((name) => [name, exits[name]] as const);

let refused: IrqError | undefined;

/**
 * From now on, code in this thread that would end the process gets an error instead, with the line. Code
 * under test may catch the error: {@link refusedExit} still reports the error.
 */
export function refuseExit(): void {
  replaceExits((call) => {
    refused ??= new IrqError(
      'ERR_SCENARIO',
      `the code under test calls ${call}: a thread ends by returning, or by throwing`,
    );
    throw refused;
  });
}

/**
 * Replaces the functions that end the process, for code under test. Node.js itself still ends a thread with them, after
 * an uncaught error.
 * @param refuse - throws; gets the call and its place in the source: `process.exit(0) at a.mjs:1:9`
 * @returns a function that puts the old functions back
 */
export function replaceExits(refuse: (call: string) => never): () => void {
  const before = EXITS.map((name) => [name, exits[name]] as const);
  for (const name of EXITS) {
    const called: Exit = (code) => {
      if (isByNode(called)) {
        for (const [each, native] of NATIVE) put(each, native);
        return exits[name](code);
      }
      const [site] = framesAbove(called);
      const argument = typeof code === 'number' || typeof code === 'string' ? String(code) : '';
      return refuse(`process.${name}(${argument})${site === undefined ? '' : ` at ${site}`}`);
    };
    put(name, called);
  }
  return () => {
    for (const [name, earlier] of before) put(name, earlier);
  };
}

function put(name: string, value: Exit): void {
  defineProperty(process, name, { value, configurable: true, writable: true });
}

/** Whether Node.js's own worker code makes the call. */
function isByNode(callee: Exit): boolean {
  return /^[^\n]*\n\s+at [^\n]*\(?node:internal\/main\/worker_thread:/.test(stackAbove(callee));
}

/** The error of the first call refused by {@link refuseExit}. */
export function refusedExit(): IrqError | undefined {
  return refused;
}
