import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import type { Access } from './access.ts';
import { COMMONJS } from './bundle.ts';
import { compile } from './compile.ts';
import { formatOf } from './module-format.ts';
import { replaceImports, watching } from './module-function.ts';
import { keptState } from './module-state.ts';
import { BundleMap, registerPlaces } from './places.ts';
import { rewriteAccesses } from './rewrite.ts';
import type { StateWatch } from './state-watch.ts';

/** The result of `require` for a file, in one instance of the program. */
export type CommonJsModule = {
  exports: unknown;
  readonly id: string;
  readonly filename: string;
  readonly path: string;
  loaded: boolean;
  readonly children: CommonJsModule[];
  readonly require: NodeJS.Require;
};

type Body = (
  this: unknown,
  exports: unknown,
  require: NodeJS.Require,
  module: CommonJsModule,
  filename: string,
  folder: string,
  access: Access,
  dynamic: DynamicImport,
) => void;

/** `import()` in the file of this URL. */
export type DynamicImport = (from: string, wanted: unknown) => Promise<unknown>;

/**
 * One CommonJS file as code: compiled once; each instance of the program that needs a module of its own
 * evaluates the code.
 */
type Unit = {
  readonly body: Body;
  readonly require: NodeJS.Require;
  /** The outside state that its functions change; undefined for none. */
  readonly changes: string | undefined;
  /** The files that the module has required. */
  readonly requires: Set<string>;
};

/** The CommonJS modules of a program: their code, and their requirements. */
export class CommonJsCode {
  readonly #units = new Map<string, Unit>();
  readonly #rewrites: boolean;
  readonly #watch: StateWatch;

  /** @param watch - learns the classes that keep the objects of their constructors */
  constructor(rewrites: boolean, watch: StateWatch) {
    this.#rewrites = rewrites;
    this.#watch = watch;
  }

  unit(file: string): Unit {
    const known = this.#units.get(file);
    if (known !== undefined) return known;
    const unit = this.#load(file);
    this.#units.set(file, unit);
    return unit;
  }

  /** The state that functions of the loaded modules change, for the first such module; undefined for none. */
  get changes(): string | undefined {
    for (const [file, { changes }] of this.#units) if (changes !== undefined) return `${changes} of ${file}`;
    return undefined;
  }

  /**
   * The reason why an instance needs its own copy of this module: the state that this module, or a required
   * one, changes; undefined for none.
   */
  changesOf(file: string, seen = new Set<string>()): string | undefined {
    if (seen.has(file)) return undefined;
    seen.add(file);
    const unit = this.#units.get(file);
    if (unit === undefined) return undefined;
    if (unit.changes !== undefined) return `${unit.changes} of ${file}`;
    for (const required of unit.requires) {
      const changes = this.changesOf(required, seen);
      if (changes !== undefined) return changes;
    }
    return undefined;
  }

  /** Marks values of Node.js: they are no state of the program. */
  leaveOut<T>(value: T): T {
    this.#watch.leaveOut(value);
    return value;
  }

  #load(file: string): Unit {
    let code = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
    if (code.startsWith('#!')) code = `//${code.slice(2)}`;
    let map: BundleMap | undefined;
    if (/ts$/.test(extname(file))) {
      const made = transformSync(code, {
        loader: 'ts',
        format: 'cjs',
        sourcefile: file,
        sourcemap: 'external',
        sourcesContent: false,
        target: `node${process.versions.node}`,
      });
      code = made.code;
      map = new BundleMap(made.map, dirname(file));
    }
    const rewriting = rewriteAccesses(code, 'script', false, this.#rewrites);
    const { text, tree, access } = rewriting;
    const { href } = pathToFileURL(file);
    replaceImports(text, tree, access, () => href);
    const head = `(function (exports, require, module, __filename, __dirname, ${access}, ${access}_import) { `;
    text.prepend(head + watching(tree, access));
    text.append('\n})');
    const name = registerPlaces(file, text, map);
    const { changes, classes } = keptState(tree);
    this.#watch.addClasses(classes);
    return {
      body: compile<Body>(text.toString(), name),
      require: createRequire(file),
      changes,
      requires: new Set(),
    };
  }
}

/** The CommonJS modules of one instance of a program. */
export class CommonJsInstance {
  readonly #code: CommonJsCode;
  readonly #access: Access;
  readonly #modules: Map<string, CommonJsModule>;

  /** @param shared - evaluated modules that need no instance of their own. */
  constructor(code: CommonJsCode, access: Access, shared: ReadonlyMap<string, CommonJsModule> = new Map()) {
    this.#code = code;
    this.#access = access;
    this.#modules = new Map(shared);
  }

  /** The modules whose state no function changes, for other instances. */
  get unchanging(): ReadonlyMap<string, CommonJsModule> {
    return new Map([...this.#modules].filter(([file]) => this.#code.changesOf(file) === undefined));
  }

  /** Returns a file's exports; evaluates the file if needed. */
  require(file: string): unknown {
    const known = this.#modules.get(file);
    if (known !== undefined) return known.exports;
    const unit = this.#code.unit(file);
    const module: CommonJsModule = {
      exports: {},
      id: file,
      filename: file,
      path: dirname(file),
      loaded: false,
      children: [],
      require: Object.assign((wanted: string) => this.#resolve(unit, wanted), {
        resolve: unit.require.resolve,
        cache: {},
        extensions: unit.require.extensions,
        main: undefined,
      }),
    };
    this.#modules.set(file, module);
    try {
      const { exports, require, path } = module;
      unit.body.call(exports, exports, require, module, file, path, this.#access, importFrom(this));
    } catch (error) {
      this.#modules.delete(file);
      throw error;
    }
    module.loaded = true;
    return module.exports;
  }

  #resolve({ require, requires }: Unit, wanted: string): unknown {
    if (isBuiltin(wanted)) return this.#code.leaveOut(require(wanted));
    const file = require.resolve(wanted);
    const format = formatOf(file);
    if (format === 'json') {
      requires.add(file);
      const known = this.#modules.get(file);
      if (known !== undefined) return known.exports;
      return require(file);
    }
    // Node.js reports the error of an ECMAScript module here, and loads native modules.
    if (format !== 'commonjs') return require(wanted);
    requires.add(file);
    return this.require(file);
  }
}

/** `import()` in an instance, of modules outside the bundle. */
export function importFrom(instance: CommonJsInstance): DynamicImport {
  return async (from, wanted) => {
    const text = String(wanted);
    if (text.startsWith(COMMONJS)) return asNamespace(instance.require(text.slice(COMMONJS.length)));
    if (/^\.{0,2}\//.test(text)) return import(new URL(text, from).href);
    return import(
      isBuiltin(text) || /^\w+:/.test(text) ? text : pathToFileURL(createRequire(from).resolve(text)).href
    );
  };
}

/** A CommonJS module as imported by an ECMAScript module: `default`, and its properties by name. */
export function asNamespace(exports: unknown): object {
  const properties = typeof exports === 'object' || typeof exports === 'function' ? exports : {};
  return { __proto__: null, ...properties, default: exports };
}
