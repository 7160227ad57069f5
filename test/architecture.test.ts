import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The floors, top first. Imports point down; the folders of one floor do not import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['cli', 'vitest'],
  ['report'],
  ['campaign'],
  // The debate, stress with a real guest, on x86 or of vPEs, and the harness stand on the contract of `stress`: its load generator, or its proof.
  ['debate', 'guest-explore', 'guest-stress', 'apic-stress', 'vpe-stress', 'harness'],
  ['stress', 'measuring', 'recorded', 'conformance', 'races'],
  ['guest', 'boot'],
  ['threads', 'explore'],
  ['cpu', 'platform'],
  ['board'],
  ['kvm-abi', 'vmm'],
  ['kvm'],
  ['its', 'gic', 'apic', 'aia'],
  ['arch'],
  ['measure'],
  ['memory'],
  ['base'],
];

/** Folders that may speak of Atomics: the primitives, the explorer, which stands in for it, and programs given to it. */
const ATOMIC = new Set(['memory', 'explore', 'races']);

type Source = { readonly path: string; readonly text: string };

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(ROOT, folder, name), 'utf8') }));
}

/** The text of a file, or none where there is no such file. */
const sourceOr = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"])\/\/.*$/gm, '$1');

/** Folder of `src` that a file lies in; the empty string for files of `src` itself. */
function folderOf(path: string): string {
  const [, folder = '', ...rest] = path.split('/');
  return rest.length === 0 ? '' : folder;
}

function importsOf({ path, text }: Source): string[] {
  const found = withoutComments(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(([, specifier = '']) => relative(ROOT, resolve(ROOT, dirname(path), specifier)));
}

/** What is wrong with the imports of some files. */
function climbsIn(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((target) => {
      const [from, to] = [folderOf(source.path), folderOf(target)];
      if (from === '' || from === to) return [];
      const floor = FLOORS.findIndex((folders) => folders.includes(from));
      const below = FLOORS.findIndex((folders) => folders.includes(to));
      if (floor < 0) return [`${source.path}: "${from}" is on no floor`];
      return below > floor ? [] : [`${source.path} imports ${target}`];
    }),
  );
}

function atomicsIn(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !ATOMIC.has(folderOf(path)))
    .filter(({ text }) => /\bAtomics\s*[.[]/.test(withoutComments(text)))
    .map(({ path }) => path);
}

describe('the floors of src', () => {
  const sources = sourcesIn('src');

  test('imports only flow down', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(climbsIn(sources)).toEqual([]);
  });

  test('an import that climbs, and one between neighbours, are found', () => {
    const climbing = { path: 'src/memory/word.ts', text: "import { Its } from '../its/its.ts';" };
    const sideways = { path: 'src/its/its.ts', text: "export { Gic } from '../gic/gic.ts';" };
    const dynamic = { path: 'src/kvm/vm.ts', text: "const m = await import('../board/machine.ts');" };
    expect(climbsIn([climbing, sideways, dynamic])).toHaveLength(3);
    expect(climbsIn([{ path: 'src/attic/a.ts', text: "import '../base/codes.ts';" }])).toEqual([
      'src/attic/a.ts: "attic" is on no floor',
    ]);
  });

  test('only the floor of memory, and the explorer, speak of Atomics', () => {
    expect(atomicsIn([...sources, ...sourcesIn('workers')])).toEqual([]);
  });

  test('Atomics elsewhere is found, in a comment it is not', () => {
    const use = { path: 'src/gic/gic.ts', text: 'Atomics.load(words, 0);' };
    const said = { path: 'src/gic/gic.ts', text: '/** See Atomics.load */ // Atomics.add' };
    expect(atomicsIn([use, said])).toEqual(['src/gic/gic.ts']);
  });
});

/** Rooms that the rest of the house enters by their contract, index.ts, only. */
const ROOMS = new Set([
  'guest',
  'stress',
  'measuring',
  'debate',
  'guest-explore',
  'recorded',
  'conformance',
  'harness',
  'apic-stress',
  'vpe-stress',
]);

/** Whether a file takes nothing but types from another one. */
function isTypeOnly({ path, text }: Source, target: string): boolean {
  const types = withoutComments(text).match(/^import type [^;]*;/gm) ?? [];
  return importsOf({ path, text: types.join('\n') }).includes(target);
}

/**
 * Imports that reach past a room's contract. Reports may also read the values that lie beside a result type; results.ts has the types
 * of the results of all rooms.
 */
function trespassesIn(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source)
      .filter((target) => {
        const room = folderOf(target);
        if (!ROOMS.has(room) || room === folderOf(source.path) || target === `src/${room}/index.ts`)
          return false;
        if (source.path === 'src/results.ts') return !isTypeOnly(source, target);
        return !(folderOf(source.path) === 'report' && target.endsWith('-result.ts'));
      })
      .map((target) => `${source.path} imports ${target}`),
  );
}

describe('the rooms of src', () => {
  test('are entered by their contracts', () => {
    expect(trespassesIn(sourcesIn('src'))).toEqual([]);
  });

  test('an import past a contract is found; a report may read values beside a result type', () => {
    const past = { path: 'src/cli/stress.ts', text: "import { Tally } from '../stress/stress-tally.ts';" };
    const result = { path: 'src/report/a.ts', text: "import { held } from '../stress/stress-result.ts';" };
    const plan = { path: 'src/report/b.ts', text: "import type { Plan } from '../stress/stress-plan.ts';" };
    expect(trespassesIn([past, result, plan])).toEqual([
      'src/cli/stress.ts imports src/stress/stress-tally.ts',
      'src/report/b.ts imports src/stress/stress-plan.ts',
    ]);
  });

  test('begin with a doc comment of at most ten lines that says what the room is for', () => {
    for (const room of ROOMS) {
      const text = readFileSync(join(ROOT, `src/${room}/index.ts`), 'utf8');
      const header = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(text)?.[1]?.split('\n') ?? [];
      expect(header.length, room).toBeGreaterThanOrEqual(3);
      expect(header.length, room).toBeLessThanOrEqual(10);
    }
  });
});

/** Folders whose files still import each other in a circle. */
const CIRCULAR = new Set(['explore']);

/** Files that import each other in a circle; an import of types counts as any other. */
function circlesIn(sources: readonly Source[]): string[] {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source)]));
  const cleared = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, above: readonly string[]) => {
    const from = above.indexOf(path);
    if (from >= 0) circles.push([...above.slice(from), path].join(' > '));
    if (from >= 0 || cleared.has(path)) return;
    for (const target of imports.get(path) ?? []) walk(target, [...above, path]);
    cleared.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return circles;
}

describe('files', () => {
  test('do not import each other in a circle, types included', () => {
    expect(circlesIn(sourcesIn('src').filter(({ path }) => !CIRCULAR.has(folderOf(path))))).toEqual([]);
  });

  test('a circle is found, also one of types', () => {
    const a = { path: 'src/base/a.ts', text: "import type { B } from './b.ts';" };
    const b = { path: 'src/base/b.ts', text: "import { c } from './c.ts';" };
    const c = { path: 'src/base/c.ts', text: "import { a } from './a.ts';" };
    expect(circlesIn([a, b, c])).toEqual(['src/base/a.ts > src/base/b.ts > src/base/c.ts > src/base/a.ts']);
  });
});

describe('what exists once', () => {
  const sources = sourcesIn('src');
  const filesWith = (pattern: RegExp, all: readonly Source[] = sources) =>
    all.filter(({ text }) => pattern.test(withoutComments(text))).map(({ path }) => path);
  const THREAD_POOL = /new Piscina\(/;
  const ITS_BRING_UP = /write\([^;]*gits\.CBASER/;

  test('the thread pool', () => {
    expect(filesWith(THREAD_POOL)).toEqual(['src/base/pool.ts']);
  });

  test('the bring-up of an ITS', () => {
    expect(filesWith(ITS_BRING_UP)).toEqual(['src/guest/its-driver.ts']);
  });

  test('the composition of a machine: its GIC, its ITSes, its VM and its bus are made by the board', () => {
    for (const part of ['Gic', 'Its', 'Vm', 'GuestBus'])
      expect(filesWith(new RegExp(`new ${part}\\(`)), part).toEqual(['src/board/board.ts']);
    // What is measured and raced stands on a board too.
    for (const part of ['Gic', 'Its', 'Vm'])
      expect(filesWith(new RegExp(`new ${part}\\(`), sourcesIn('bench')), part).toEqual([]);
  });

  test('the numbers of the architecture: the first LPI, the doorbell, the stride of redistributors', () => {
    expect(filesWith(/\bFIRST_LPI\s*=/)).toEqual(['src/arch/intid.ts']);
    // The vectors are a judge: their language has the numbers of its own.
    const judged = sources.filter(({ path }) => !path.startsWith('src/conformance/vectors/'));
    expect(filesWith(/0x1_?0040\b/, judged)).toEqual(['src/arch/registers.ts']);
    expect(filesWith(/\bG?I?C?R?_?STRIDE\s*=\s*(?:0x2_?0000|2 \* FRAME)/)).toEqual(['src/arch/frames.ts']);
    expect(filesWith(/\b(?:CBASER|PROPBASER|PENDBASER|CWRITER)\s*[:=]\s*0x/)).toEqual([
      'src/arch/registers.ts',
    ]);
  });

  test('a second one of each is found', () => {
    const second = (text: string) => [{ path: 'src/cli/stress.ts', text }];
    expect(filesWith(THREAD_POOL, second('const pool = new Piscina({});'))).toHaveLength(1);
    expect(filesWith(ITS_BRING_UP, second('bus.write(base + gits.CBASER, 8, 0n);'))).toHaveLength(1);
    expect(filesWith(/new Gic\(/, second('const gic = new Gic(words, regions);'))).toHaveLength(1);
    expect(filesWith(/0x1_?0040\b/, second('const DOORBELL = 0x1_0040;'))).toHaveLength(1);
  });

  test('thread programs are found by import, not by names put together from strings', () => {
    // The threads that search, and that of the races, are workers of their own, outside of the pool: they are ended whatever they do.
    expect(filesWith(/compiled\(import\.meta\.url/).sort()).toEqual([
      'src/base/pool.ts',
      'src/explore/real/search-thread.ts',
      'src/guest-explore/guest-search-thread.ts',
      'src/races/races-thread.ts',
    ]);
  });
});

/** Names that mean a number of one name space: a GSI, a pin, an INTID, a descriptor, a vCPU, a DeviceID, an EventID. */
const NAMES =
  'gsi|firstGsi|pin|intid|lpi|spi|sgi|ppi|fd|irqfd|eventfd|resamplefd|firstFd|mailFd|vcpu|deviceId|devid|eventId';
const NAME_OF_SPACE = new RegExp(`^[_#]*(?:${NAMES})$`);

/** Declarations with such a name that mean another number. */
const OTHER_MEANING: ReadonlyMap<string, string> = new Map([
  ['src/cli/console-output.ts: #fd', 'a descriptor of this process'],
  ['src/cli/console-output.ts: fd', 'a descriptor of this process'],
  ['src/cli/output-file.ts: #fd', 'a descriptor of this process'],
  ['src/cli/stdout.ts: fd', 'a descriptor of this process'],
  ['src/gic/personality.ts: sgi', 'the state word of an SGI after reset'],
  ['src/gic/personality.ts: ppi', 'the state word of a PPI after reset'],
  ['src/gic/personality.ts: spi', 'the state word of an SPI after reset'],
]);

/** What a file with such a declaration has somewhere; parsing the others would take long. */
const PERHAPS_PLAIN = new RegExp(`\\b_*(?:${NAMES})\\??:[^;(){}=]*\\bnumber\\b`);

/** Parameters, properties and variables whose name means a number of one space, and whose declared type is a plain number. */
function plainNumbersIn(sources: readonly Source[]): string[] {
  const isPlain = (type: ts.TypeNode): boolean =>
    type.kind === ts.SyntaxKind.NumberKeyword || (ts.isUnionTypeNode(type) && type.types.some(isPlain));
  return sources.flatMap(({ path, text }) => {
    const found: string[] = [];
    if (!PERHAPS_PLAIN.test(text)) return found;
    const visit = (node: ts.Node): void => {
      const isDeclaration =
        ts.isParameter(node) ||
        ts.isPropertySignature(node) ||
        ts.isPropertyDeclaration(node) ||
        ts.isVariableDeclaration(node) ||
        ts.isNamedTupleMember(node);
      const name = isDeclaration ? node.name.getText() : '';
      if (isDeclaration && node.type && NAME_OF_SPACE.test(name) && isPlain(node.type))
        found.push(`${path}: ${name}`);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
    return found;
  });
}

describe('the names of an interrupt', () => {
  // The core is AssemblyScript, which has no such types.
  const sources = sourcesIn('src').filter(({ path }) => !path.startsWith('src/cpu/core/'));

  test('have a type each: no declaration with the name of one is a plain number', () => {
    const found = plainNumbersIn(sources);
    expect(found.filter((each) => !OTHER_MEANING.has(each))).toEqual([]);
    expect([...OTHER_MEANING.keys()].filter((each) => !found.includes(each))).toEqual([]);
  });

  test('a plain number under such a name is found wherever it is declared', () => {
    const text = [
      'type T = { readonly gsi: number; fd?: number | undefined };',
      'class C { #vcpu: number = 0; m(_deviceId: number, f: (lpi: number) => void) {} }',
      'let eventId: number; type U = readonly [pin: number, level: boolean];',
      'function f(intid: Intid, fds: number, vcpus: number, target: number) {}',
    ].join('\n');
    expect(plainNumbersIn([{ path: 'a.ts', text }])).toEqual(
      ['gsi', 'fd', '#vcpu', '_deviceId', 'lpi', 'eventId', 'pin'].map((name) => `a.ts: ${name}`),
    );
  });
});

/** The folders of each line of a drawing of the floors, as CONTRIBUTING.md has it: names, then two spaces, then text. */
function floorsDrawnIn(text: string): string[][] {
  const drawing = /## The house\n\n```\n([\s\S]*?)\n```/.exec(text)?.[1] ?? '';
  return drawing.split('\n').map((line) => (line.split(/ {2,}/)[0] ?? '').split(' · '));
}

describe('what readers of src find', () => {
  const contributing = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const sorted = (floors: readonly (readonly string[])[]) => floors.map((folders) => [...folders].sort());

  test('the floors are drawn in CONTRIBUTING.md as they are checked here', () => {
    expect(sorted(floorsDrawnIn(contributing))).toEqual(sorted(FLOORS));
  });

  test('a drawing that lacks a folder is another drawing', () => {
    const lacking = contributing.replace('its · gic · apic ', 'its · gic ');
    expect(sorted(floorsDrawnIn(lacking))).not.toEqual(sorted(FLOORS));
  });

  test('every folder begins with a description of at most ten lines, in its index.ts or its README.md', () => {
    for (const folder of FLOORS.flat()) {
      const of = (name: string) => sourceOr(join(ROOT, 'src', folder, name));
      const header =
        of('README.md').trim() || (/^\/\*\*([\s\S]*?)\*\//.exec(of('index.ts'))?.[1] ?? '').trim();
      expect(header, folder).toMatch(/\S{2,} \S/);
      expect(header.split('\n').length, folder).toBeLessThanOrEqual(10);
    }
  });

  test('a comment about speed names a benchmark that there is', () => {
    const benches = /const BENCHES = \{([\s\S]*?)\n\} as const/.exec(
      readFileSync(join(ROOT, 'bench/main.ts'), 'utf8'),
    )?.[1];
    const known = new Set([...(benches ?? '').matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name));
    const comments = sourcesIn('src').flatMap(({ path, text }) =>
      [...text.matchAll(/\/\/ speed: (.*(?:\n\s*\/\/.*)*)/g)].map(([, comment = '']) => ({ path, comment })),
    );
    expect(known.size).toBeGreaterThan(10);
    expect(comments.length).toBeGreaterThan(3);
    for (const { path, comment } of comments)
      expect(known, path).toContain(/\bbench (\w+)/.exec(comment)?.[1] ?? comment);
  });
});

describe('workers', () => {
  test('are a few lines each: they bind and call', () => {
    for (const { path, text } of sourcesIn('workers')) {
      expect(withoutComments(text).trim().split('\n').length, path).toBeLessThanOrEqual(5);
    }
  });
});

/** Lines of a file, tags of guards aside. */
const linesOf = ({ text }: Source) =>
  text.split('\n').filter((line) => !/^\s*\/\/ guard: /.test(line)).length;

describe('sizes', () => {
  test('no source file says two things at once: 400 lines are the cap', () => {
    const long = sourcesIn('src').filter((source) => linesOf(source) > 401);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('a line that is too many is found', () => {
    const text = `${'a();\n'.repeat(400)}// guard: of-the-last\nb();`;
    expect([linesOf({ path: '', text }), linesOf({ path: '', text: `${text}\n` })]).toEqual([401, 402]);
  });
});

/** A pair of texts, of which the second takes the place of the first. */
const REPLACEMENT = /\bfrom:\s*(['"`])(?:(?!\1).)+\1,\s*to:\s*['"`]/;
/** What a source that was changed is compiled with. */
const COMPILER = /\bts\.transpileModule\(/;

describe('mistakes', () => {
  const all = [...sourcesIn('test'), ...sourcesIn('bench')].filter(
    ({ path }) => !path.endsWith('architecture.test.ts'),
  );
  const filesWith = (pattern: RegExp, sources: readonly Source[] = all) =>
    sources.filter(({ text }) => pattern.test(withoutComments(text))).map(({ path }) => path);

  test('are made in the source by the table of guards, or by rule, and by no text that is looked for', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(filesWith(REPLACEMENT)).toEqual([]);
    expect(filesWith(COMPILER).sort()).toEqual([
      'bench/power/mutant.ts',
      'test/bench/power.test.ts',
      'test/guards/guards.test.ts',
      'test/mutate.ts',
    ]);
  });

  test('a text that is looked for is found, and another that compiles', () => {
    const text = "load({ file: 'gic/gic.ts', from: 'ring();', to: '' }); ts.transpileModule(text, {});";
    const own = [{ path: 'test/gic/gic.test.ts', text }];
    expect([filesWith(REPLACEMENT, own), filesWith(COMPILER, own)]).toEqual([[own[0]?.path], [own[0]?.path]]);
  });
});
