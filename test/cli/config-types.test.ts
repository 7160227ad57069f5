import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { number, wholeNumber } from '../../src/cli/values.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Values of flags; the first that a flag takes tells its type. */
const SAMPLES = ['1', '16', '0.5', '256'];

/** Flags that are numbers of a name space have its type. */
const FLAVOURS: Readonly<Record<string, string>> = { fd: 'Fd' };

/** The type of the values that a file of defaults may give a flag. */
function typeOf(option: Option): string {
  if (option.isBoolean()) return 'boolean';
  if (option.argChoices) return option.argChoices.map((choice) => `'${choice}'`).join(' | ');
  const flavour = FLAVOURS[option.attributeName()];
  if (flavour !== undefined) return flavour;
  const parsed = SAMPLES.map((sample) => parse(option, sample)).find((value) => value !== undefined);
  const [value] = Array.isArray(parsed) ? parsed : [parsed];
  const isNumber = typeof value === 'number';
  // The text `256` of a flag with a syntax of its own may be written as a number.
  const text = typeof value === 'object' ? 'number | string' : 'string';
  if (option.flags.includes('<list>'))
    return isNumber ? 'number | string | readonly number[]' : 'string | readonly string[]';
  if (option.variadic || /may be (?:repeated|given twice)/.test(option.description))
    return isNumber ? 'number | readonly number[]' : `${text} | readonly string[]`;
  if (isNumber) return 'number';
  return text;
}

function parse({ parseArg, defaultValue }: Option, sample: string): unknown {
  if (parseArg === undefined) return undefined;
  try {
    return parseArg(sample, Array.isArray(defaultValue) ? [] : undefined);
  } catch {
    return undefined;
  }
}

/** The text of src/config.ts for these commands. */
function configOf(commands: readonly Command[]): string {
  const sections = commands
    .filter(({ options }) => options.length > 0)
    .map((command) => {
      const flags = command.options.map(
        (option) => `readonly ${option.attributeName()}?: ${typeOf(option)};`,
      );
      return `readonly '${command.name()}'?: {\n${flags.join('\n')}\n};`;
    });
  return formatted(`// Made from the flags of the commands: npx vitest run test/cli/config-types.test.ts -u
import type { Fd } from './kvm/gsi.ts';

/**
 * Defaults of the command line's flags, per command: what \`irqloom.config.ts\` exports. The names are those of the flags, in
 * camel case (\`dataRaces\` for \`--data-races\`); ranges and meanings are in \`irqloom COMMAND --help\`.
 */
export type Config = {
${sections.join('\n')}
};

/** Gives the defaults in \`irqloom.config.ts\` their type: \`export default defineConfig({ explore: { seconds: 10 } })\`. */
export function defineConfig(config: Config): Config {
  return config;
}
`);
}

function formatted(text: string): string {
  const args = ['node_modules/@biomejs/biome/bin/biome', 'format', '--stdin-file-path=src/config.ts'];
  return execFileSync(process.execPath, args, { cwd: ROOT, input: text, encoding: 'utf8' });
}

test('the type of the defaults is made from the flags of the commands', { timeout: 240_000 }, async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((make) => make()));
  await expect(configOf(commands)).toMatchFileSnapshot('../../src/config.ts');
  // A flag more would show.
  expect(configOf([...commands, new Command('more').option('--flag')])).not.toBe(configOf(commands));
});

test('a flag has the type of the values that its command takes', () => {
  const flags: readonly (readonly [Option, string])[] = [
    [new Option('--json'), 'boolean'],
    [new Option('--how <how>').choices(['a', 'b']), "'a' | 'b'"],
    [new Option('--count <n>').argParser(wholeNumber(8, 20)), 'number'],
    [new Option('--share <n>').argParser(number(0, 0.7, 's')), 'number'],
    [new Option('--file <file>'), 'string'],
    [
      new Option('--sizes <list>').argParser((text) => text.split(',').map(Number)),
      'number | string | readonly number[]',
    ],
    [new Option('--names <list>').argParser((text) => text.split(',')), 'string | readonly string[]'],
  ];
  expect(flags.map(([option]) => typeOf(option))).toEqual(flags.map(([, type]) => type));
});
