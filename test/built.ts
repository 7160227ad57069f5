import { existsSync } from 'node:fs';

/** Says plainly what is missing where vitest is started without a build. */
export function setup(): void {
  if (!existsSync(new URL('../dist/src/cli/main.js', import.meta.url))) {
    throw new Error('dist is missing: run "npm run build" first, or "npm test", which does');
  }
}
