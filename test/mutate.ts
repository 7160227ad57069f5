/**
 * The real source with one line changed: how a test shows that a check can fail. The text that is replaced has to stand
 * in its file exactly once, so a mutation cannot drift away from the code that it is meant for.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const outside = createRequire(import.meta.url);

/** One change: `file` is relative to `src/`; `from` is found in it exactly once, and `to` takes its place. */
export type Mutation = { readonly file: string; readonly from: string; readonly to: string };

/** What was compiled already, by text: most files of two mutated graphs are the same. */
const compiled = new Map<string, string>();

/**
 * Loads modules of `src/` afresh, with everything that they import from `src/`, some of it mutated: modules of their own,
 * that share nothing with those that the test imports.
 * @param entries - by any name, files relative to `src/`
 * @returns by the same names, what each exports; `T` says what that is
 */
export function loadMutated<T extends object>(
  entries: { readonly [K in keyof T]: string },
  ...mutations: readonly Mutation[]
): T {
  const modules = new Map<string, Record<string, unknown>>();
  const left = new Set(mutations);

  const load = (file: string): Record<string, unknown> => {
    const known = modules.get(file);
    if (known) return known;
    const exports: Record<string, unknown> = {};
    modules.set(file, exports);
    let text = readFileSync(file, 'utf8');
    for (const mutation of mutations) {
      if (join(SRC, mutation.file) !== file) continue;
      text = mutate(text, mutation);
      left.delete(mutation);
    }
    const require = (specifier: string): unknown =>
      specifier.startsWith('.') ? load(resolve(dirname(file), specifier)) : outside(specifier);
    const run = new Function('exports', 'require', compile(text, file));
    run(exports, require);
    return exports;
  };

  const loaded = Object.fromEntries(
    Object.entries<string>(entries).map(([name, file]) => [name, load(join(SRC, file))]),
  );
  for (const { file } of left) throw new Error(`src/${file} was to be mutated, and nothing imports it`);
  return loaded as T;
}

/** The text with one mutation. @throws Error where what it changes does not stand there exactly once */
export function mutate(text: string, { file, from, to }: Mutation): string {
  const parts = text.split(from);
  if (parts.length !== 2) {
    const found = `found ${parts.length - 1} times in src/${file}`;
    throw new Error(`${found}, where a mutation wants it exactly once: ${JSON.stringify(from)}`);
  }
  return parts.join(to);
}

function compile(text: string, file: string): string {
  const key = `${file}\n${text}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { outputText } = ts.transpileModule(text, {
    fileName: file,
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      inlineSourceMap: false,
    },
  });
  const code = `${outputText}\n//# sourceURL=mutated/${relative(SRC, file)}`;
  compiled.set(key, code);
  return code;
}
