import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire, type LoadHook, type ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';

type Compiler = {
  transpileModule(
    source: string,
    options: { compilerOptions: object; fileName: string },
  ): { outputText: string };
};

let compiler: Compiler | undefined;

/** Called by Node.js in the thread that loads modules, with where the TypeScript compiler is, if it is needed. */
export function initialize(data: { compiler: string | undefined }): void {
  if (data.compiler !== undefined) compiler = createRequire(import.meta.url)(data.compiler);
}

/** `./x.js` in TypeScript source may mean `./x.ts`; a name without extension too. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    const parent = context.parentURL;
    if (parent === undefined || !/^\.\.?\//.test(specifier) || !/\.m?ts$/.test(parent)) throw error;
    const bare = specifier.replace(/\.(m?)js$/, '');
    for (const candidate of [`${bare}.ts`, `${bare}.mts`, `${bare}/index.ts`]) {
      const url = new URL(candidate, parent);
      if (existsSync(url)) return { url: url.href, shortCircuit: true };
    }
    throw error;
  }
};

export const load: LoadHook = async (url, context, nextLoad) => {
  if (compiler === undefined || !url.startsWith('file:') || !/\.m?ts$/.test(url))
    return nextLoad(url, context);
  const file = fileURLToPath(url);
  const { outputText } = compiler.transpileModule(await readFile(file, 'utf8'), {
    fileName: file,
    // ESNext, ES2022: the numbers of ts.ModuleKind and ts.ScriptTarget.
    compilerOptions: {
      module: 99,
      target: 9,
      inlineSourceMap: true,
      inlineSources: false,
      verbatimModuleSyntax: true,
    },
  });
  return { format: 'module', source: outputText, shortCircuit: true };
};
