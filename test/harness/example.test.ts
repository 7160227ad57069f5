import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// A project with the package of `npm pack`, as an installation has it; its dependencies are those of this folder.
const folder = mkdtempSync(join(ROOT, 'dist/example-'));
const example = (name: string) => join(folder, 'own-guest', name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  const installed = join(folder, 'node_modules/irqloom');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "own", "version": "1.0.0", "type": "module" }');
  const words = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await promisify(execFile)('npm', words, { cwd: ROOT, maxBuffer: 2 ** 26 });
  const [{ filename }] = JSON.parse(stdout) as [{ readonly filename: string }];
  const unpack = ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'];
  await promisify(execFile)('tar', unpack);
  cpSync(join(installed, 'examples/own-guest'), join(folder, 'own-guest'), { recursive: true });
}, 240_000);

test('the project has the package, and not the sources', () => {
  expect(existsSync(join(folder, 'node_modules/irqloom/dist/src/index.js'))).toBe(true);
  expect(existsSync(join(folder, 'node_modules/irqloom/src'))).toBe(false);
});

const node = (path: string) => promisify(execFile)(process.execPath, [path], { timeout: 150_000 });

test('the example boots, delivers all, and its process ends', async () => {
  const { stdout, stderr } = await node(example('main.mjs'));
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^8000 signals, 8000 deliveries, p50 \d+ ns\n/);
  const [, first, second] = /handlers have counted (\d+) and (\d+)/.exec(stdout) ?? [];
  expect(stdout).toContain(`vcpu0: ${first} interrupts`);
  expect(stdout).toContain(`vcpu1: ${second} interrupts`);
});

test('the example in CommonJS boots and delivers all', async () => {
  const { stdout, stderr } = await node(example('commonjs/main.cjs'));
  expect([stdout, stderr]).toEqual(['800 signals, 800 deliveries\n', '']);
});

describe('the example in TypeScript', () => {
  const files = ['main', 'guest', 'device'].map((name) => example(`typescript/${name}.ts`));
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2024.d.ts'],
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    outDir: folder,
    rootDir: example('typescript'),
  };

  /** Compiles files as a user would, and says what is wrong. */
  function compile(paths: readonly string[], more: ts.CompilerOptions = {}): string[] {
    const program = ts.createProgram(paths, { ...options, ...more });
    const { diagnostics } = program.emit();
    return [...ts.getPreEmitDiagnostics(program), ...diagnostics].map(({ messageText }) =>
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    );
  }

  test('compiles against the types of the package, without those that the package leaves out, and runs', async () => {
    expect(compile(files)).toEqual([]);
    const { stdout, stderr } = await node(join(folder, 'main.js'));
    expect([stdout, stderr]).toEqual(['800 signals, 800 deliveries\n', '']);
  });

  test('a guest whose interrupt takes something else does not compile', () => {
    const wrong = join(folder, 'wrong.ts');
    writeFileSync(
      wrong,
      "import type { GuestModule } from 'irqloom';\nexport const interrupt: GuestModule['interrupt'] = (cpu: string) => cpu.length;\n",
    );
    const [first = ''] = compile([wrong], { rootDir: folder, noEmit: true });
    expect(first).toContain("not assignable to type '(cpu: Cpu, intid: Intid) => void'");
  });
});
