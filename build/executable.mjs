// tsc writes files without the executable bit, and npm links the commands of dependencies but not a package's own: after
// this, `npx irqloom` works in a checkout.
import { chmodSync, existsSync, rmSync, symlinkSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const bins = new URL('node_modules/.bin/', root);
const link = new URL('irqloom', bins);

chmodSync(new URL('dist/src/cli/main.js', root), 0o755);
if (existsSync(bins)) {
  rmSync(link, { force: true });
  // Where links are not allowed (Windows without developer mode), `node dist/src/cli/main.js` is the command.
  try {
    symlinkSync('../../dist/src/cli/main.js', link);
  } catch {}
}
