import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export type Finished = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** A command that takes longer is ended, ms. */
const BOUND_MS = 55_000;

/** Runs the CLI as a process of its own. `whenSeen` is called at the first output that contains its text. */
export function irqloom(
  args: readonly string[],
  whenSeen?: { text: string; act: (kill: (signal: NodeJS.Signals) => void) => void },
  env: Readonly<Record<string, string>> = {},
  cwd = process.cwd(),
  bound = BOUND_MS,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, NO_COLOR: '1', ...env },
      timeout: bound,
      cwd,
    });
    let stdout = '';
    let stderr = '';
    let seen = false;
    const look = () => {
      if (seen || !whenSeen || !(stdout + stderr).includes(whenSeen.text)) return;
      seen = true;
      whenSeen.act((signal) => child.kill(signal));
    };
    child.stdout.on('data', (data) => {
      stdout += data;
      look();
    });
    child.stderr.on('data', (data) => {
      stderr += data;
      look();
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}
