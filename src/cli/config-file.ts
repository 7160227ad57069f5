import { type Command, CommanderError, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { findConfig, loadConfig } from './config-load.ts';

/** The options of the program, before or behind the command, that say which file gives the defaults of its flags. */
export function configOptions(): readonly [Option, Option] {
  return [
    new Option(
      '--config <file>',
      'file with defaults of the flags (default: irqloom.config.ts, .mjs, .js, .json)',
    ),
    new Option('--no-config', 'leave irqloom.config.* in this folder alone'),
  ];
}

/** Makes each command, by its name. */
type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** The file that has given defaults to this process, and the flags that the file gave to the command that runs. */
let inUse: { readonly file: string; readonly flags: readonly string[] } | undefined;

/**
 * Gives flags that the command line leaves open the values of the file of defaults. The values count as defaults, not as
 * typed; an error about flags names the file where the file gave some, see {@link configNote}.
 * @param config - the value of `--config`: a file, false for `--no-config`, undefined where neither was given
 * @throws IrqError `ERR_USAGE` for a command, a flag or a value that is not possible, in any section; `ERR_FILE`
 */
export async function applyConfig(
  command: Command,
  config: string | false | undefined,
  commands: Commands,
): Promise<void> {
  if (config === false) return;
  const file = config ?? findConfig();
  if (file === undefined) return;
  const given: string[] = [];
  const sections = sectionOf(await loadConfig(file), file, 'an object with a section for each command');
  for (const [name, section] of Object.entries(sections)) {
    const make = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (make === undefined)
      throw new IrqError(
        'ERR_USAGE',
        `${file}, ${name}: there is no such command${didYouMean(name, Object.keys(commands))}`,
      );
    const isRun = name === command.name();
    const values = valuesOf(isRun ? command : await make(), section, file);
    if (!isRun) continue;
    for (const [option, value] of values) {
      if (command.getOptionValueSource(option.attributeName()) === 'cli') continue;
      command.setOptionValueWithSource(option.attributeName(), value, 'config');
      given.push(option.long ?? option.flags);
    }
  }
  inUse = { file, flags: given };
}

/**
 * A command line that repeats a run, made from all flags of the run. The line is complete, so the line leaves out a file that
 * gave defaults.
 */
export function alone(command: string): string {
  return inUse === undefined ? command : `${command} --no-config`;
}

/** A line about where flags came from that the user has not typed, for an error about flags; empty where there are none. */
export function configNote(error: unknown): string {
  if (inUse === undefined || inUse.flags.length === 0) return '';
  if (!(error instanceof IrqError && error.exitStatus === 2)) return '';
  const { file, flags } = inUse;
  return `irqloom: ${file} gives ${flags.join(', ')}; --no-config leaves that file out\n`;
}

function sectionOf(value: unknown, where: string, right: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Promise))
    return value as Readonly<Record<string, unknown>>;
  throw new IrqError('ERR_USAGE', `${where} is ${kindOf(value)}; right would be ${right}`);
}

/** The flags that a section gives a value, checked as the command line checks them. */
function valuesOf(command: Command, section: unknown, file: string): Map<Option, unknown> {
  const values = new Map<Option, unknown>();
  const name = command.name();
  const example = `${name}: { ${command.options[0]?.attributeName() ?? ''}: … }`;
  for (const [key, value] of Object.entries(sectionOf(section, `${file}, ${name}`, example))) {
    const option = command.options.find((each) => each.attributeName() === key);
    if (option === undefined) {
      const keys = command.options.map((each) => each.attributeName());
      throw new IrqError(
        'ERR_USAGE',
        `${file}, ${name}.${key}: ${name} has no such flag${didYouMean(key, keys)}`,
      );
    }
    if (value === undefined || (option.isBoolean() && value === false)) continue;
    values.set(option, valueFor(option, value, `${file}, ${name}.${key}`));
  }
  return values;
}

function valueFor(option: Option, value: unknown, where: string): unknown {
  if (option.isBoolean()) {
    if (value === true) return true;
    throw new IrqError('ERR_USAGE', `${where} is ${kindOf(value)}; right would be true or false`);
  }
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const wrong = given.find((each) => typeof each !== 'string' && typeof each !== 'number');
  if (wrong !== undefined || given.length === 0)
    throw new IrqError(
      'ERR_USAGE',
      `${where} is ${kindOf(wrong ?? value)}; right would be ${rightFor(option)}`,
    );
  const words = given.map(String);
  if (isList(option)) return parsed(option, [words.join(',')], where);
  if (words.length > 1 && !isRepeated(option))
    throw new IrqError('ERR_USAGE', `${where} is a list; ${option.long} takes one value`);
  return parsed(option, words, where);
}

/** The values of a flag, one after the other, as commander takes them from a command line. */
function parsed(
  { parseArg, defaultValue, variadic }: Option,
  words: readonly string[],
  where: string,
): unknown {
  if (parseArg === undefined) return variadic ? words : words.at(-1);
  try {
    return words.reduce<unknown>((before, word) => parseArg(word, before), defaultValue);
  } catch (error) {
    if (!(error instanceof CommanderError || error instanceof IrqError)) throw error;
    throw new IrqError('ERR_USAGE', `${where} is ${words.join(', ')}: ${error.message}`);
  }
}

/** Flags whose one value is a list: `1,2,4`. */
const isList = ({ flags }: Option) => flags.includes('<list>');

/** Flags that may be given more than once, as their help says. */
const isRepeated = ({ variadic, description }: Option) =>
  variadic || /may be (?:repeated|given twice)/.test(description);

const rightFor = (option: Option) =>
  isList(option) || isRepeated(option) ? 'text, a number, or a list of these' : 'text or a number';

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value} ${String(value)}`;
}
