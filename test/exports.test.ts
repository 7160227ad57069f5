import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Entry = { readonly entry: string; readonly source: string };

/** The entries of package.json that are code, each with the source of its types. */
function entries(): Entry[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { readonly default: string }>;
  };
  return Object.entries(exports).flatMap(([entry, target]) =>
    typeof target === 'string'
      ? []
      : [
          {
            entry,
            source: join(ROOT, target.default.replace('./dist/', '').replace(/\.js$/, '.ts')),
          },
        ],
  );
}

/** What each entry exports: a line for each name, types marked as such. */
function surface(of: readonly Entry[]): string {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, { incremental: false });
  delete options.tsBuildInfoFile;
  const program = ts.createProgram(
    of.map(({ source }) => source),
    options,
  );
  const checker = program.getTypeChecker();
  const pages = of.map(({ entry, source }) => {
    const file = program.getSourceFile(source);
    const module = file && checker.getSymbolAtLocation(file);
    const lines = module ? checker.getExportsOfModule(module).map((symbol) => named(checker, symbol)) : [];
    return [join('irqloom', entry), ...lines.sort().map((line) => `  ${line}`)].join('\n');
  });
  return `${pages.join('\n\n')}\n`;
}

function named(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  const { flags } = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
  const isTypeOnly = symbol.declarations?.some(ts.isTypeOnlyExportDeclaration) ?? false;
  return (flags & ts.SymbolFlags.Value) === 0 || isTypeOnly ? `type ${symbol.name}` : symbol.name;
}

test('every entry of the package exports the names that it did', async () => {
  // A name that goes, or comes, is a change for users: `npx vitest run test/exports.test.ts -u`, and a line in CHANGELOG.md.
  await expect(surface(entries())).toMatchFileSnapshot('data/exports.txt');
});

test('a name more shows', () => {
  const [main] = entries();
  expect(main?.entry).toBe('.');
  const codes = { entry: '.', source: join(ROOT, 'src/base/codes.ts') };
  expect(surface([codes])).toBe('irqloom\n  ERRORS\n  type ErrorCode\n');
});
