// Compiles the AArch64 core (src/cpu/core, AssemblyScript) to dist/a64.wasm, unless the sources are those of the last time.
// A function whose comment ends in @inline is inlined: AssemblyScript wants a decorator, which a function of TypeScript has not.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = `${root}src/cpu/core`;
const OUTPUT = 'dist/a64.wasm';
const FLAGS = [
  `${'src/cpu/core'}/run.ts`,
  ...[
    '--outFile',
    OUTPUT,
    '--textFile',
    'dist/a64.wat',
    '-O3',
    '--converge',
    '--runtime',
    'stub',
    '--noAssert',
  ],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--enable', 'threads', '--enable', 'simd', '--enable', 'bulk-memory'],
];

const hash = createHash('sha256')
  .update(FLAGS.join(' '))
  .update(readFileSync(fileURLToPath(import.meta.url)));
for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(`${sources}/${name}`));
const digest = hash.digest('hex');
const stamp = `${root}dist/.a64-sources`;

if (!existsSync(`${root}${OUTPUT}`) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  mkdirSync(`${root}dist`, { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  const { error, stderr } = await asc.main([...FLAGS, '--baseDir', root], {
    readFile(name, baseDir) {
      const path = name.startsWith('/') ? name : `${baseDir}/${name}`;
      if (!existsSync(path)) return null;
      return readFileSync(path, 'utf8').replace(/@inline \*\/\n/g, '@inline */\n@inline\n');
    },
  });
  process.stderr.write(stderr.toString());
  if (error) process.exit(1);
  writeFileSync(stamp, digest);
}
