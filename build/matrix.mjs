// Runs the tests under other versions of Node: `npm run matrix`, or `npm run matrix -- 24`.
// The npm package `node` carries the binary of each version; it is fetched into a folder that is thrown away.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const versions = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24'];
const vitest = join('node_modules', 'vitest', 'vitest.mjs');
const failed = [];

for (const version of versions) {
  const prefix = mkdtempSync(join(tmpdir(), 'irqloom-node-'));
  try {
    const install = spawnSync(
      'npm',
      ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node@${version}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    if (install.status !== 0) throw new Error(`Node ${version} could not be fetched`);
    const node = join(prefix, 'node_modules', 'node', 'bin', 'node');
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    console.log(`\nNode ${stdout.trim()}`);
    if (spawnSync(node, [vitest, 'run'], { stdio: 'inherit' }).status !== 0) failed.push(version);
  } catch (error) {
    console.error(error.message);
    failed.push(version);
  } finally {
    rmSync(prefix, { recursive: true, force: true });
  }
}

if (failed.length > 0) console.error(`\nfailed under Node ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
