// tsc writes files without the executable bit; the CLI needs it to be started by name.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/src/cli/main.js', import.meta.url), 0o755);
