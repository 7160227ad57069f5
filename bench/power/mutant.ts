import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import type { Mistake } from './mistake.ts';
import { ROOT } from './root.ts';

/**
 * A built copy of the package in a folder of its own, in which one mistake at a time is made. The text that a mistake
 * replaces has to stand in its file exactly once, so a mistake cannot drift away from the code that it is meant for.
 */
export class Mutant {
  readonly #folder: string;

  static async create(): Promise<Mutant> {
    const folder = await mkdtemp(join(tmpdir(), 'irqloom-power-'));
    await mkdir(join(folder, 'dist'));
    for (const part of ['src', 'workers'])
      await cp(join(ROOT, 'dist', part), join(folder, 'dist', part), { recursive: true });
    await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
    for (const part of ['node_modules', 'data']) await symlink(join(ROOT, part), join(folder, part));
    return new Mutant(folder);
  }

  private constructor(folder: string) {
    this.#folder = folder;
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
    try {
      return await run();
    } finally {
      await writeFile(compiled, before);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The JavaScript of a file with a mistake. @throws Error where what it replaces does not stand there exactly once */
export async function compile({ file, from, to, at, also = [] }: Mistake): Promise<string> {
  let text = await readFile(join(ROOT, 'src', file), 'utf8');
  if (at !== undefined) {
    if (!text.startsWith(from, at)) throw new Error(`src/${file} has something else at ${at}`);
    text = text.slice(0, at) + to + text.slice(at + from.length);
  }
  for (const change of at === undefined ? [{ from, to }, ...also] : also) {
    const parts = text.split(change.from);
    if (parts.length !== 2)
      throw new Error(
        `found ${parts.length - 1} times in src/${file}, not once: ${JSON.stringify(change.from)}`,
      );
    text = parts.join(change.to);
  }
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
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
