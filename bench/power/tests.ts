import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Folders of tests that go with a folder of sources, beside the tests that name the file itself. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  gic: ['gic', 'regressions', 'races'],
  its: ['its', 'regressions', 'races'],
  kvm: ['kvm', 'regressions', 'races'],
  memory: ['memory', 'regressions'],
  board: ['board', 'regressions'],
};
/** Longest time for the tests of one mistake, ms. Tests that never end have found something. */
const BOUND_MS = 600_000;

/** The test files that fit a source file, of a package in `root`: those that name the file, and those of its folder. */
export async function fittingTests(root: string, file: string): Promise<string[]> {
  const folder = file.split('/')[0] ?? '';
  const fitting: string[] = [];
  for (const entry of await readdir(join(root, 'test'), { recursive: true })) {
    if (!entry.endsWith('.test.ts')) continue;
    const isBeside = BESIDE[folder]?.includes(dirname(entry)) ?? false;
    if (isBeside || (await readFile(join(root, 'test', entry), 'utf8')).includes(`src/${file}`))
      fitting.push(`test/${entry}`);
  }
  return fitting.sort();
}

/** Runs the tests that fit a file in a copy of the package; null where they pass, or which failed. */
export async function testsFind(root: string, file: string): Promise<string | null> {
  const args = ['vitest', 'run', '--bail', '1', '--reporter', 'json', ...(await fittingTests(root, file))];
  const child = spawn('npx', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  const code = await new Promise<number | null>((resolve, reject) => {
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), BOUND_MS);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
  return code === 0 ? null : failedIn(output, root);
}

function failedIn(output: string, root: string): string {
  try {
    const { testResults } = JSON.parse(output) as { testResults: { name: string; status: string }[] };
    const failed = testResults.find(({ status }) => status === 'failed');
    return failed ? failed.name.replace(`${root}/test/`, '') : 'failed';
  } catch {
    return 'never ended';
  }
}
