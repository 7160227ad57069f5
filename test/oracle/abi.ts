import { readFileSync } from 'node:fs';
import type { LiveKernel } from './live-kernel.ts';

/** The commands of a probe: lines of /init's language, see init.c. */
export function readProbe(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Commands that have no answer. */
const SILENT: ReadonlySet<string> = new Set(['N', 'B', 'W', 'S', 'Z', 'F', 'M']);

export const isSilent = (command: string) => SILENT.has(command[0] ?? '');

/** What a kernel answers to a probe: a line for each command that has an answer, after the command. */
export function askProbe(kernel: LiveKernel, commands: readonly string[]): string[] {
  const answers: string[] = [];
  for (const command of commands) {
    if (isSilent(command)) kernel.send(command);
    else answers.push(`${command} = ${kernel.ask(command)}`);
  }
  return answers;
}
