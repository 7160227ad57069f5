import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { type Mistake, withMistake } from './mistake.ts';
import { ROOT } from './root.ts';

/**
 * A built copy of the package in a folder of its own, in which one mistake at a time is made.
 */
export class Mutant {
  readonly #folder: string;
  readonly #forTests: boolean;

  /** @param forTests - whether tests are to run in the copy: then the sources, which they load, are mutated too */
  static async create(forTests = false): Promise<Mutant> {
    const folder = await mkdtemp(join(tmpdir(), 'irqloom-power-'));
    await mkdir(join(folder, 'dist'));
    for (const part of ['src', 'workers'])
      await cp(join(ROOT, 'dist', part), join(folder, 'dist', part), { recursive: true });
    const files = ['package.json', 'tsconfig.json', 'tsconfig.test.json', 'vitest.config.ts'];
    for (const file of files) await cp(join(ROOT, file), join(folder, file));
    if (forTests)
      for (const part of ['src', 'test', 'bench'])
        await cp(join(ROOT, part), join(folder, part), { recursive: true });
    for (const part of ['node_modules', 'data', 'guests', 'docs', 'examples', 'README.md'])
      await symlink(join(ROOT, part), join(folder, part));
    return new Mutant(folder, forTests);
  }

  private constructor(folder: string, forTests: boolean) {
    this.#folder = folder;
    this.#forTests = forTests;
  }

  /** The folder of the copy. */
  get folder(): string {
    return this.#folder;
  }

  /** The command line program of the copy. */
  get program(): string {
    return join(this.#folder, 'dist/src/cli/main.js');
  }

  /** Makes a mistake, calls `run`, and puts the file back. @throws Error where the mistake does not fit its file */
  async with<T>(mistake: Mistake, run: () => Promise<T>): Promise<T> {
    const compiled = join(this.#folder, 'dist/src', mistake.file.replace(/\.ts$/, '.js'));
    const before = await readFile(compiled, 'utf8');
    await writeFile(compiled, await compile(mistake));
    const source = join('src', mistake.file);
    if (this.#forTests) await writeFile(join(this.#folder, source), await mutated(mistake));
    try {
      return await run();
    } finally {
      await writeFile(compiled, before);
      if (this.#forTests) await cp(join(ROOT, source), join(this.#folder, source));
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The text of a file with a mistake. @throws Error where the mistake does not fit the file */
async function mutated(mistake: Mistake): Promise<string> {
  return withMistake(mistake, await readFile(join(ROOT, 'src', mistake.file), 'utf8'));
}

/** The JavaScript of a file with a mistake. @throws Error as {@link mutated} */
export async function compile(mistake: Mistake): Promise<string> {
  const { file } = mistake;
  const { outputText, diagnostics = [] } = ts.transpileModule(await mutated(mistake), {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      rewriteRelativeImportExtensions: true,
    },
  });
  if (diagnostics.length > 0) throw new Error(`src/${file} with a mistake is no TypeScript any more`);
  return outputText;
}
