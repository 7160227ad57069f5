import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The spaces of numbers that a name of an interrupt, or a part of one, is from. */
const SPACES = ['Gsi', 'Pin', 'Intid', 'Fd', 'VcpuId', 'DeviceId', 'EventId'] as const;
type Space = (typeof SPACES)[number];

/** Ways of a number of `from` to where a number of `to` is wanted. */
const WAYS: Readonly<Record<string, (from: Space, to: Space) => string>> = {
  'a variable': (from, to) => `(x: ${from}) => { const y: ${to} = x; return y; }`,
  'an argument': (from, to) => `(x: ${from}, f: (y: ${to}) => void) => f(x)`,
  'the parameter of a callback': (from, to) =>
    `(f: (g: (y: ${to}) => void) => void) => f((x: ${from}) => void x)`,
  'the parameter of a method': (from, to) => `(): { m(y: ${to}): void } => ({ m(x: ${from}) { void x; } })`,
  'a returned value': (from, to) => `(x: ${from}): ${to} => x`,
  'a field': (from, to) => `(x: ${from}): { readonly y: ${to} } => ({ y: x })`,
  'an optional field': (from, to) => `(x: { y: ${from} }): { readonly y?: ${to} } => x`,
  'the items of an array': (from, to) => `(x: ${from}[]): readonly ${to}[] => x`,
  'the keys of a map': (from, to) => `(x: Map<${from}, string>): ReadonlyMap<${to}, string> => x`,
  'the key that a map is asked for': (from, to) => `(x: ${from}, y: Map<${to}, string>) => y.get(x)`,
  'the values of a map': (from, to) => `(x: Map<string, ${from}>): ReadonlyMap<string, ${to}> => x`,
  'a place in a tuple': (from, to) => `(x: readonly [${from}, 0]): readonly [${to}, number] => x`,
  'a comparison': (from, to) => `(x: ${from}, y: ${to}) => x === y`,
  'one of two branches': (from, to) => `(x: ${from}, b: boolean): ${to} => (b ? x : 0)`,
};

/** What comes into a space without a cast. */
const COMES_IN: Readonly<Record<string, (to: Space) => string>> = {
  'a literal': (to) => `(): ${to} => 3`,
  'a number of a register': (to) => `(w: Int32Array): ${to} => Atomics.load(w, 0)`,
  'a number of its own space': (to) => `(x: ${to}): ${to} => x`,
  'the result of arithmetic': (to) => `(x: ${to}): ${to} => x + 1`,
  'the index of an array': (to) => `(): readonly ${to}[] => Array.from({ length: 2 }, (_, x) => x)`,
};

type Case = { readonly title: string; readonly code: string };

const MIXES: readonly Case[] = Object.entries(WAYS).flatMap(([way, codeOf]) =>
  SPACES.flatMap((from) =>
    SPACES.filter((to) => to !== from).map((to) => ({
      title: `${from} for ${to}: ${way}`,
      code: codeOf(from, to),
    })),
  ),
);
const ENTRIES: readonly Case[] = Object.entries(COMES_IN).flatMap(([what, codeOf]) =>
  SPACES.map((to) => ({ title: `${what} for ${to}`, code: codeOf(to) })),
);

/** The lines of some source, from 0, in which the compiler finds an error, with the compiler's options of this project. */
function linesWithErrors(source: string): Set<number> {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, { incremental: false, types: [] });
  delete options.tsBuildInfoFile;
  const path = join(ROOT, 'test/arch/generated.ts');
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === path
      ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2023, true)
      : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  const file = program.getSourceFile(path);
  if (!file) throw new Error(`no ${path}`);
  const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  return new Set(found.map(({ start = 0 }) => file.getLineAndCharacterOfPosition(start).line));
}

describe('the name spaces of an interrupt', () => {
  const cases = [...MIXES, ...ENTRIES];
  let refused: Set<string>;

  beforeAll(() => {
    const imports = `import type { DeviceId, EventId, Intid, Pin, VcpuId } from '../../src/arch/intid.ts'; import type { Fd, Gsi } from '../../src/kvm/gsi.ts';`;
    const lines = cases.map(({ code }, index) => `export const f${index} = ${code};`);
    const errors = linesWithErrors([imports, ...lines].join('\n'));
    expect(errors.has(0)).toBe(false);
    refused = new Set(cases.filter((_, index) => errors.has(index + 1)).map(({ title }) => title));
  }, 60_000);

  test('do not mix: the compiler refuses each of the 42 ordered pairs on every way', () => {
    expect(MIXES).toHaveLength(42 * Object.keys(WAYS).length);
    expect(MIXES.filter(({ title }) => !refused.has(title)).map(({ title }) => title)).toEqual([]);
  });

  test('take a plain number without a cast', () => {
    expect(ENTRIES.filter(({ title }) => refused.has(title)).map(({ title }) => title)).toEqual([]);
  });

  test('would mix if one of them were a plain number', () => {
    const alias = (types: string) =>
      `type Gsi = ${types}; type Intid = number & { readonly space?: 'intid' };\nexport const f = (x: Gsi): Intid => x;`;
    expect(linesWithErrors(alias("number & { readonly space?: 'gsi' }"))).toEqual(new Set([1]));
    expect(linesWithErrors(alias('number'))).toEqual(new Set());
  });

  test('are left by arithmetic: what an expression makes of two spaces is a plain number', () => {
    const both =
      "type Gsi = number & { readonly space?: 'gsi' }; type Intid = number & { readonly space?: 'intid' };\n" +
      'export const f = (x: Gsi, y: Gsi): Intid => x + y;';
    expect(linesWithErrors(both)).toEqual(new Set());
  });
});
