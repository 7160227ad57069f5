import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IrqError, isIrqError } from '../../base/irq-error.ts';
import { readThrown } from '../../base/thrown.ts';
import { replaceExits } from '../control/exits.ts';
import { construct, get, set } from '../control/plain.ts';
import { rawOf } from '../control/view-proxy.ts';
import { type Access, makeAccess } from './access.ts';
import { bundle, COMMONJS } from './bundle.ts';
import { asNamespace, CommonJsCode, CommonJsInstance, type CommonJsModule, importFrom } from './commonjs.ts';
import { compile } from './compile.ts';
import { formatOf } from './module-format.ts';
import { toModuleFunction } from './module-function.ts';
import { keptState } from './module-state.ts';
import { registerPlaces } from './places.ts';
import { rewriteAccesses } from './rewrite.ts';
import { StateWatch } from './state-watch.ts';

/** A module's exports, by name. */
export type Exports = Readonly<Record<string, unknown>>;

type Evaluate = (
  access: Access,
  meta: (url: string) => object,
  dynamic: unknown,
  require: (file: string) => object,
  awaited: unknown[],
  ...imports: object[]
) => unknown;

/**
 * Evaluates the modules of a program: first asynchronously; then, in further instances, without waiting for promises.
 */
type Evaluation = {
  first(instance: CommonJsInstance): unknown;
  again(instance: CommonJsInstance): unknown;
  /** The state that functions of the bundled modules change; undefined for none. */
  readonly changes: string | undefined;
  /** Whether `again` works. */
  readonly repeats: boolean;
};

/** The bound on all top-level awaits of a program's modules, ms. */
const LOAD_MS = 10_000;

/**
 * A file with all its imports, rewritten for repeated evaluation. Each logical thread has its own instance of the
 * modules, as a real thread has. If no function of them changes state that outlives a call, all threads
 * share one instance.
 */
export class Program {
  readonly #commonjs: CommonJsCode;
  readonly #access: Access;
  readonly #evaluation: Evaluation;
  readonly #file: string;
  #shared: ReadonlyMap<string, CommonJsModule>;
  /** The file's exports in the first instance. */
  readonly exports: Exports;
  readonly #watch: StateWatch;
  #changes: string | undefined;

  /**
   * Bundles, rewrites and evaluates a file.
   * @param rewrites - false leaves accesses without Atomics unchanged, and invisible to the explorer.
   * @throws IrqError `ERR_SCENARIO` with the reason, if one of these steps fails.
   */
  static async load(file: string, rewrites = true): Promise<Program> {
    const watch = new StateWatch();
    const access = makeAccess({ get, set, construct, viewOf: rawOf }, (variables) => watch.add(variables));
    const commonjs = new CommonJsCode(rewrites, watch);
    const instance = new CommonJsInstance(commonjs, access);
    return withoutExit(file, async () => {
      const evaluation =
        formatOf(file) === 'commonjs'
          ? evaluateCommonJs(file)
          : await evaluateModules(file, access, rewrites, watch);
      const exports = await withinTime(file, evaluation.first(instance));
      return new Program(file, commonjs, access, evaluation, instance.unchanging, exports, watch);
    });
  }

  private constructor(
    file: string,
    commonjs: CommonJsCode,
    access: Access,
    evaluation: Evaluation,
    shared: ReadonlyMap<string, CommonJsModule>,
    exports: Exports,
    watch: StateWatch,
  ) {
    this.#commonjs = commonjs;
    this.#access = access;
    this.#evaluation = evaluation;
    this.#shared = shared;
    this.exports = exports;
    this.#watch = watch;
    this.#file = file;
    const changes = evaluation.changes ?? commonjs.changes ?? watch.begin();
    if (changes !== undefined) this.#isolate(changes);
  }

  /** The state that functions of the modules change, hence separate instances; undefined: instances are shared. */
  get changes(): string | undefined {
    return this.#changes;
  }

  /** Whether functions have changed shared state of the modules: from now on, each instance has its own modules. */
  hasChanged(): boolean {
    const changes = this.#changes === undefined ? this.#watch.changed() : undefined;
    if (changes !== undefined) this.#isolate(changes);
    return changes !== undefined;
  }

  #isolate(changes: string): void {
    if (!this.#evaluation.repeats) {
      throw new IrqError(
        'ERR_SCENARIO',
        `${this.#file} awaits in a loop outside of functions, and functions change variables of their modules (${changes}): each thread needs the modules anew in each schedule, and cannot wait there. Do without one of the two: await outside of the loop, or keep what changes in the state`,
      );
    }
    this.#changes = changes;
    this.#shared = new Map();
  }

  /** The file's exports in a new instance: evaluates the modules again, except those that never change. */
  instantiate(): Exports {
    if (this.#changes === undefined) return this.exports;
    return this.#evaluation.again(
      new CommonJsInstance(this.#commonjs, this.#access, this.#shared),
    ) as Exports;
  }
}

function evaluateCommonJs(file: string): Evaluation {
  const evaluate = (instance: CommonJsInstance): object => asNamespace(instance.require(file));
  return { first: evaluate, again: evaluate, changes: undefined, repeats: true };
}

async function evaluateModules(
  file: string,
  access: Access,
  rewrites: boolean,
  watch: StateWatch,
): Promise<Evaluation> {
  const { code, map } = await bundle(file);
  const rewriting = rewriteAccesses(code, 'module', true, rewrites);
  const urlAt = urlsOf(code, file, (line, column) => map.find(line, column)?.file);
  const { text, imports, awaits, again } = toModuleFunction(rewriting, urlAt);
  const evaluate = compile<Evaluate>(text.toString(), registerPlaces(file, text, map));
  const repeat =
    again === undefined
      ? undefined
      : compile<Evaluate>(again.toString(), registerPlaces(`${file}?again`, again, map));
  const outside = new Map<string, object>();
  for (const source of imports) {
    if (!source.startsWith(COMMONJS)) outside.set(source, (await import(source)) as object);
  }
  const { changes, classes } = keptState(rewriting.tree);
  watch.addClasses(classes);
  const metas = new Map<string, object>();
  const meta = (url: string): object => {
    const known = metas.get(url) ?? metaOf(url);
    metas.set(url, known);
    return known;
  };
  const awaited: unknown[] = [];
  const run =
    (body: Evaluate) =>
    (instance: CommonJsInstance): unknown => {
      const require = (path: string): object => asNamespace(instance.require(path));
      const given = imports.map((source) => outside.get(source) ?? require(source.slice(COMMONJS.length)));
      return body(access, meta, importFrom(instance), require, awaited, ...given);
    };
  const first = run(evaluate);
  return {
    first,
    again: repeat === undefined ? first : run(repeat),
    changes,
    repeats: !awaits || repeat !== undefined,
  };
}

/** Makes a function that returns the URL of the source file of a place in a bundle. */
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

/** Evaluates modules; ending the process is an error. */
async function withoutExit<T>(file: string, body: () => Promise<T>): Promise<T> {
  const putBack = replaceExits((call) => {
    throw new IrqError(
      'ERR_SCENARIO',
      `${file} cannot be loaded: the code under test calls ${call} while it is loaded`,
    );
  });
  try {
    return await body();
  } catch (error) {
    if (isIrqError(error, 'ERR_SCENARIO') || isIrqError(error, 'ERR_UNSUPPORTED')) throw error;
    const { isError, name, message } = readThrown(error);
    const what = isError ? `${name}: ${message}` : message;
    throw new IrqError('ERR_SCENARIO', `${file} cannot be loaded: ${what}`, { cause: error });
  } finally {
    putBack();
  }
}
