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

  test('types are the same from each entry, and a wrong argument of a guest, a descriptor for a GSI and a count for a text do not compile', () => {
    const right = join(folder, 'right.ts');
    const wrong = join(folder, 'wrong.ts');
    writeFileSync(
      right,
      `import type { Fd, Gsi } from 'irqloom';
import { encodeIrqFd, type IrqFd, type Gsi as KvmGsi } from 'irqloom/kvm';
import type { Results, StressResult } from 'irqloom/results';
export const gsi = (one: Gsi): KvmGsi => one;
export const bytes = (fd: Fd, gsi: Gsi, more: IrqFd) => encodeIrqFd({ ...more, fd, gsi });
export const signals = (result: StressResult): number => result.injected;
export const races = (result: Results['races']): number => result.races.length;
`,
    );
    writeFileSync(
      wrong,
      `import type { Fd, GuestModule } from 'irqloom';
import type { Gsi } from 'irqloom/kvm';
import type { StressResult } from 'irqloom/results';
export const interrupt: GuestModule['interrupt'] = (cpu: string) => cpu.length;
export const gsi = (fd: Fd): Gsi => fd;
export const signals = (result: StressResult): string => result.injected;
`,
    );
    const said = compile([right, wrong], { rootDir: folder, noEmit: true });
    expect(said).toHaveLength(3);
    expect(said[0]).toContain("not assignable to type '(cpu: Cpu, intid: Intid) => void'");
    expect(said[1]).toContain("Type 'Fd' is not assignable to type 'Gsi'");
    expect(said[2]).toContain("Type 'number' is not assignable to type 'string'");
  });
});
