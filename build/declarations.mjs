// Bundles the declarations of the package's entries into dist/types: a file for each entry, with the names that the entry reaches and no
// others, and shared files for names that two entries reach, so that a type is the same from either. The comments come along. Where no
// declaration has changed since the last build, the files of that build stay.
//
// The fields of a machine reach the parts of its interrupt controller, whose names no entry exports. The comment on such a part stays,
// and the comments on its members go: that saves 14 kB of the package.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const types = join(root, 'dist/types');
const stamp = join(root, 'dist/.types-sources');
const text = readFileSync(join(root, 'package.json'), 'utf8');

/** By the name of the bundle, the declarations that tsc has made of the entry. */
const input = Object.fromEntries(
  Object.values(JSON.parse(text).exports).flatMap((target) =>
    typeof target === 'string'
      ? []
      : [
          [
            target.types.replace('./dist/types/', '').replace('.d.ts', ''),
            join(root, target.default.replace(/\.js$/, '.d.ts')),
          ],
        ],
  ),
);

/** Declarations of those parts; users call a VM's own methods. */
const PARTS = /^(?:gic|its|kvm)\/(?!.*vm\.d\.ts$)/;
/** A declaration and its name. */
const DECLARATION = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/;
const entries = Object.values(input).map((path) => readFileSync(path, 'utf8'));
/** Names of those parts that no entry exports. */
const inner = new Set();

const hash = createHash('sha256')
  .update(text)
  .update(readFileSync(fileURLToPath(import.meta.url)));
const seen = new Set();
const todo = Object.values(input);
for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
  if (seen.has(path)) continue;
  seen.add(path);
  const declarations = readFileSync(path, 'utf8');
  hash.update(declarations);
  if (PARTS.test(relative(join(root, 'dist/src'), path)))
    for (const line of declarations.split('\n')) {
      const [, name] = DECLARATION.exec(line) ?? [];
      if (name && !entries.some((entry) => new RegExp(`\\b${name}\\b`).test(entry))) inner.add(name);
    }
  for (const [, name] of declarations.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
    todo.push(join(dirname(path), name).replace(/\.[jt]s$/, '.d.ts'));
}
const digest = hash.digest('hex');

if (!existsSync(types) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  const { rollup } = await import('rollup');
  const { dts } = await import('rollup-plugin-dts');
  const bundle = await rollup({
    input,
    plugins: [dts()],
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    onLog(level, log, handle) {
      // vitest/setup exports no type. A class may have a field of a type that no entry names; users read the field all the same.
      if (log.code === 'EMPTY_BUNDLE' || log.message.includes('private shared type exports')) return;
      handle(level, log);
    },
  });
  rmSync(types, { recursive: true, force: true });
  const { output } = await bundle.write({
    dir: types,
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'shared.d.ts',
  });
  for (const { fileName, code } of output) writeFileSync(join(types, fileName), withoutInnerComments(code));
  writeFileSync(stamp, digest);
}

/** The text without the comments on members of {@link inner} names. */
function withoutInnerComments(text) {
  return text
    .split(/^(?=(?:export |declare |abstract |class |interface |type |const ))/m)
    .map((part) => {
      const [, name] = DECLARATION.exec(part) ?? [];
      return inner.has(name) ? part.replace(/^ +\/\*\*[\s\S]*?\*\/\n/gm, '') : part;
    })
    .join('');
}
