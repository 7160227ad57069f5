/** The real source with mistakes from the table of guards: how a test shows that a check can fail. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { filesOf, type MistakeName, withMistakes } from './guards/index.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const outside = createRequire(import.meta.url);

/** What was compiled already, by text: most files of two mutated graphs are the same. */
const compiled = new Map<string, string>();

/**
 * Loads modules of `src/` afresh, with everything that they import from `src/`, some of it mutated: modules of their own,
 * that share nothing with those that the test imports.
 * @param entries - by any name, files relative to `src/`
 * @param mistakes - are made in this order
 * @returns by the same names, what each exports; `T` says what that is
 * @throws Error where a mistake is not in the table, does not fit, or is in a file that nothing imports
 */
export function loadMutated<T extends object>(
  entries: { readonly [K in keyof T]: string },
  ...mistakes: readonly MistakeName[]
): T {
  const modules = new Map<string, Record<string, unknown>>();
  const left = new Set(mistakes.flatMap(filesOf));

  const load = (path: string): Record<string, unknown> => {
    const known = modules.get(path);
    if (known) return known;
    const exports: Record<string, unknown> = {};
    modules.set(path, exports);
    const file = relative(SRC, path);
    const own = left.delete(file) ? mistakes : [];
    const text = withMistakes(file, readFileSync(path, 'utf8'), ...own);
    const require = (specifier: string): unknown =>
      specifier.startsWith('.') ? load(resolve(dirname(path), specifier)) : outside(specifier);
    const run = new Function('exports', 'require', compile(text, path));
    run(exports, require);
    return exports;
  };

  const loaded = Object.fromEntries(
    Object.entries<string>(entries).map(([name, file]) => [name, load(join(SRC, file))]),
  );
  for (const file of left) throw new Error(`src/${file} was to be mutated, and nothing imports it`);
  return loaded as T;
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
