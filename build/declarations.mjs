// Leaves the declarations that no entry of the package needs out of the package: `npm pack` reads dist/.npmignore.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const needed = new Set();
const todo = Object.values(exports).flatMap(({ types }) => types ?? []);
for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
  const file = normalize(path);
  if (needed.has(file)) continue;
  needed.add(file);
  for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(
    /(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g,
  ))
    todo.push(join(dirname(file), name).replace(/\.[jt]s$/, '.d.ts'));
}

const left = globSync('{src,workers}/**/*.d.ts', { cwd: dist }).filter((file) => !needed.has(`dist/${file}`));
writeFileSync(
  join(dist, '.npmignore'),
  `${left
    .sort()
    .map((file) => `/${file}`)
    .join('\n')}\n`,
);
