import { execFileSync } from 'node:child_process';

/** Whether a program is installed; tests that need one are skipped where it is not. */
export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
