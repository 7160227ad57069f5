import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import { withExamples } from './examples.ts';
import { printText } from './stdout.ts';

/** From `dist/src/cli`. */
const TEMPLATES = new URL('../../../templates/', import.meta.url);
const OWN_PACKAGE = new URL('../../../package.json', import.meta.url);

type Template = {
  readonly about: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
};

/** The purpose of each kind of project, and its scripts. Its files lie in `templates/KIND`. */
const KINDS = {
  harness: {
    about: 'a guest and a device of your own, with a test',
    scripts: {
      test: 'node --test',
      stress: 'irqloom stress --guest guest.mjs --device device.mjs --seconds 5',
    },
  },
  scenario: {
    about: 'code on SharedArrayBuffer under every interleaving',
    scripts: { test: 'irqloom explore counter.scenario.mjs' },
  },
  vitest: {
    about: 'the same as a test of vitest',
    scripts: { test: 'vitest run' },
    devDependencies: { vitest: '>=3' },
  },
  program: {
    about: 'a program that boots a machine and prints figures',
    scripts: { start: 'node main.mjs', test: 'node main.mjs' },
  },
} as const satisfies Record<string, Template>;

type Kind = keyof typeof KINDS;

/** Files that npm and git have put into a folder that is empty otherwise. */
const TOOLS = new Set([
  'node_modules',
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  '.git',
  '.gitignore',
]);

/** The script that `npm init` writes where there is no test. */
const NO_TEST = /no test specified/;

const EXAMPLES = [
  ['init --kind harness', 'into this folder: a guest, a device and a test'],
  ['init --kind scenario races', 'into a new folder: code under every interleaving'],
] as const;

/** `irqloom init`: a project to begin with, in an empty folder. */
export function initCommand(): Command {
  const kinds = Object.entries(KINDS).map(([kind, { about }]) => `${kind}: ${about}`);
  const command = new Command('init')
    .summary('write a small project to begin with into an empty folder')
    .description(
      `Writes the files of a project that runs at once, and the scripts of package.json, into a folder in which only npm and git have files.\n${kinds.join('\n')}`,
    )
    .addArgument(new Argument('[folder]', 'folder of the project; made if there is none').default('.'))
    .addOption(new Option('--kind <kind>', 'kind of project').choices(Object.keys(KINDS)).default('harness'))
    .action((folder: string, { kind }: { kind: Kind }) => {
      printText(init(folder, kind));
    });
  return withExamples(command, EXAMPLES);
}

/**
 * Writes a project.
 * @returns the names of its files and its commands
 * @throws IrqError `ERR_FILE` where the folder has other files
 */
function init(folder: string, kind: Kind): string {
  const root = resolve(folder);
  const template: Template = KINDS[kind];
  checkEmpty(root, folder);
  const description = describePackage(root, template);
  const source = new URL(`${kind}/`, TEMPLATES);
  const names = readdirSync(source);
  const written: string[] = [];
  try {
    mkdirSync(root, { recursive: true });
    for (const name of names) {
      const file = join(root, name);
      if (!existsSync(file)) written.push(file);
      writeFileSync(file, readFileSync(new URL(name, source)), { flag: 'wx' });
    }
    // Whole, or the one of before.
    const part = join(root, '.package.json.part');
    written.push(part);
    writeFileSync(part, `${JSON.stringify(description.content, null, 2)}\n`);
    renameSync(part, join(root, 'package.json'));
  } catch (error) {
    for (const file of written) rmSync(file, { force: true });
    throw new IrqError('ERR_FILE', `${folder} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const here = relative(process.cwd(), root);
  const steps = [
    ...(here === '' ? [] : [`cd ${shellWord(here)}`]),
    ...(description.isComplete ? [] : ['npm install']),
    'npm test',
  ];
  return `${[...names, 'package.json']
    .sort()
    .map((name) => `wrote ${join(folder, name)}`)
    .join('\n')}\nnow:  ${steps.join(' && ')}\n`;
}

function checkEmpty(root: string, folder: string): void {
  let names: string[];
  try {
    names = existsSync(root) ? readdirSync(root) : [];
  } catch (error) {
    throw new IrqError('ERR_FILE', `${folder} is no folder that can be read: ${(error as Error).message}`);
  }
  const foreign = names.filter((name) => !TOOLS.has(name));
  if (foreign.length === 0) return;
  const shown =
    foreign.slice(0, 3).join(', ') + (foreign.length > 3 ? `, and ${foreign.length - 3} more` : '');
  throw new IrqError(
    'ERR_FILE',
    `${folder} is not empty (${shown}), and init overwrites no file: name an empty folder, or a new one`,
  );
}

type Package = {
  private?: boolean;
  type?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
};

/** The package.json of a project: that of the folder with scripts and dependencies added; whether all of these are installed. */
function describePackage(
  root: string,
  { scripts, devDependencies }: Template,
): { content: Package; isComplete: boolean } {
  const path = join(root, 'package.json');
  const before: Package = existsSync(path) ? readPackage(path) : { ...NEW_PACKAGE };
  const test = before.scripts?.test;
  if (test !== undefined && !NO_TEST.test(test))
    throw new IrqError(
      'ERR_FILE',
      `${path} has a script "test" already, which init would replace: name a new folder`,
    );
  const isThere = { ...before.dependencies, ...before.devDependencies }.irqloom !== undefined;
  const content: Package = {
    ...before,
    scripts: { ...before.scripts, ...scripts },
    ...(isThere ? {} : { dependencies: { ...before.dependencies, irqloom: `^${ownVersion()}` } }),
    ...(devDependencies === undefined
      ? {}
      : { devDependencies: { ...devDependencies, ...before.devDependencies } }),
  };
  const needed = ['irqloom', ...Object.keys(devDependencies ?? {})];
  return { content, isComplete: needed.every((name) => existsSync(join(root, 'node_modules', name))) };
}

const NEW_PACKAGE = { private: true, type: 'module' };

function readPackage(path: string): Package {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error('the file holds no object');
    return value;
  } catch (error) {
    throw new IrqError('ERR_FILE', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(OWN_PACKAGE, 'utf8')) as { version: string }).version;
}
