import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IrqError } from '../../base/irq-error.ts';
import * as plain from '../plain.ts';
import { type Access, makeAccess } from './access.ts';
import { bundle, COMMONJS } from './bundle.ts';
import { asNamespace, CommonJsCode, CommonJsInstance, type CommonJsModule, importFrom } from './commonjs.ts';
import { compile } from './compile.ts';
import { formatOf } from './module-format.ts';
import { toModuleFunction } from './module-function.ts';
import { changedState } from './module-state.ts';
import { registerPlaces } from './places.ts';
import { rewriteAccesses } from './rewrite.ts';

/** What a module exports, by name. */
export type Exports = Readonly<Record<string, unknown>>;

type Evaluate = (
  access: Access,
  meta: (url: string) => object,
  dynamic: unknown,
  ...imports: object[]
) => unknown;

/** How long the modules of a program may take until all their top-level awaits are over, ms. */
const LOAD_MS = 10_000;

/**
 * A file with all that it imports, rewritten, and ready to be evaluated as often as one likes: each logical thread has
 * an instance of the modules of its own, as a real thread has. Where no function of them changes anything that outlives
 * a call, one instance is as good as many, and all share it.
 */
export class Program {
  readonly #commonjs: CommonJsCode;
  readonly #access: Access;
  readonly #evaluate: (commonjs: CommonJsInstance) => unknown;
  readonly #entryChanges: string | undefined;
  readonly #entryRequires: readonly string[];
  readonly #first: Exports;
  readonly #shared: ReadonlyMap<string, CommonJsModule>;
  /** What functions of the modules change outside of themselves: why instances are not shared; undefined where they are. */
  readonly changes: string | undefined;

  /**
   * Bundles, rewrites and evaluates a file.
   * @param rewrites - false leaves accesses without Atomics as they are: they are seen by nobody then.
   * @throws IrqError `ERR_SCENARIO` where that cannot be done, with why.
   */
  static async load(file: string, rewrites = true): Promise<Program> {
    const access = makeAccess(plain);
    const commonjs = new CommonJsCode(rewrites);
    if (formatOf(file) === 'commonjs') {
      const evaluate = (instance: CommonJsInstance): Exports =>
        asNamespace(instance.require(file)) as Exports;
      return Program.#start(file, evaluate, commonjs, access, undefined, [file], false);
    }
    const { code, map } = await bundle(file);
    const rewriting = rewriteAccesses(code, 'module', true, rewrites);
    const urlAt = urlsOf(code, file, (line, column) => map.find(line, column)?.file);
    const { imports, awaits } = toModuleFunction(rewriting, urlAt);
    const name = registerPlaces(file, rewriting.text, map);
    const run = compile<Evaluate>(rewriting.text.toString(), name);
    const outside = new Map<string, object>();
    for (const source of imports) {
      if (!source.startsWith(COMMONJS)) outside.set(source, (await import(source)) as object);
    }
    const metas = new Map<string, object>();
    const meta = (url: string): object => {
      const known = metas.get(url) ?? metaOf(url);
      metas.set(url, known);
      return known;
    };
    const evaluate = (instance: CommonJsInstance): unknown => {
      const given = imports.map(
        (source) => outside.get(source) ?? asNamespace(instance.require(source.slice(COMMONJS.length))),
      );
      return run(access, meta, importFrom(instance), ...given);
    };
    const requires = imports.filter((source) => source.startsWith(COMMONJS));
    return Program.#start(
      file,
      evaluate,
      commonjs,
      access,
      changedState(rewriting.tree),
      requires.map((source) => source.slice(COMMONJS.length)),
      awaits,
    );
  }

  static async #start(
    file: string,
    evaluate: (instance: CommonJsInstance) => unknown,
    commonjs: CommonJsCode,
    access: Access,
    changes: string | undefined,
    requires: readonly string[],
    awaits: boolean,
  ): Promise<Program> {
    const instance = new CommonJsInstance(commonjs, access);
    const first = await withoutExit(file, async () => withinTime(file, evaluate(instance)));
    const program = new Program(commonjs, access, evaluate, changes, requires, first, instance.unchanging);
    if (awaits && program.changes !== undefined) {
      throw new IrqError(
        'ERR_SCENARIO',
        `${file} has a top-level await, and functions that change a variable of their module (${program.changes}): each thread needs the modules anew in each schedule, which cannot wait for a promise. Do without one of the two: make what is awaited in setup, or keep what changes in the state`,
      );
    }
    return program;
  }

  private constructor(
    commonjs: CommonJsCode,
    access: Access,
    evaluate: (commonjs: CommonJsInstance) => unknown,
    entryChanges: string | undefined,
    entryRequires: readonly string[],
    first: Exports,
    shared: ReadonlyMap<string, CommonJsModule>,
  ) {
    this.#commonjs = commonjs;
    this.#access = access;
    this.#evaluate = evaluate;
    this.#entryChanges = entryChanges;
    this.#entryRequires = entryRequires;
    this.#first = first;
    this.#shared = shared;
    this.changes = this.#findChanges();
  }

  /** What the file exports, in the instance that is evaluated first. */
  get exports(): Exports {
    return this.#first;
  }

  /** What the file exports in an instance of its own: evaluates the modules anew, but for those that never change. */
  instantiate(): Exports {
    if (this.changes === undefined) return this.#first;
    return this.#evaluate(new CommonJsInstance(this.#commonjs, this.#access, this.#shared)) as Exports;
  }

  #findChanges(): string | undefined {
    if (this.#entryChanges !== undefined) return this.#entryChanges;
    for (const file of this.#entryRequires) {
      const changes = this.#commonjs.changesOf(file);
      if (changes !== undefined) return changes;
    }
    return undefined;
  }
}

/** Gives the URL of the file that a place in a bundle comes from. */
function urlsOf(
  code: string,
  file: string,
  fileAt: (line: number, column: number) => string | undefined,
): (offset: number) => string {
  return (offset) => {
    const before = code.slice(0, offset).split('\n');
    const found = fileAt(before.length, (before.at(-1)?.length ?? 0) + 1);
    return pathToFileURL(found ?? file).href;
  };
}

function metaOf(url: string): object {
  const filename = fileURLToPath(url);
  const { resolve } = createRequire(url);
  return {
    __proto__: null,
    url,
    filename,
    dirname: dirname(filename),
    resolve: (wanted: string) => pathToFileURL(resolve(wanted)).href,
  };
}

/** Waits for modules with top-level awaits, no longer than 10 s. */
async function withinTime(file: string, evaluated: unknown): Promise<Exports> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new IrqError(
          'ERR_SCENARIO',
          `${file} cannot be loaded: a top-level await of it, or of what it imports, was not over after ${LOAD_MS / 1000} s`,
        ),
      );
    }, LOAD_MS);
  });
  try {
    return (await Promise.race([evaluated, late])) as Exports;
  } finally {
    clearTimeout(timer);
  }
}

/** Evaluates modules; one that ends the process is an error. */
async function withoutExit<T>(file: string, body: () => Promise<T>): Promise<T> {
  const { exit, reallyExit, abort } = process as typeof process & { reallyExit: unknown };
  const refuse = (name: string) => (): never => {
    throw new IrqError(
      'ERR_SCENARIO',
      `${file} cannot be loaded: it, or what it imports, calls process.${name}() while it is loaded`,
    );
  };
  Object.assign(process, { exit: refuse('exit'), reallyExit: refuse('reallyExit'), abort: refuse('abort') });
  try {
    return await body();
  } catch (error) {
    if (error instanceof IrqError && error.code === 'ERR_SCENARIO') throw error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new IrqError('ERR_SCENARIO', `${file} cannot be loaded: ${what}`, { cause: error });
  } finally {
    Object.assign(process, { exit, reallyExit, abort });
  }
}
