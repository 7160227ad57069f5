import { readFileSync } from 'node:fs';
import { encode, findSystemRegister } from '../../src/gic/system-registers.ts';
import { instruction } from './kernel-commands.ts';
import type { LiveKernel } from './live-kernel.ts';

/** Encodings of the timers' registers, which are not the interrupt controller's. */
const TIMER_REGISTERS: Readonly<Record<string, number>> = {
  CNTV_CTL_EL0: encode(3, 3, 14, 3, 1),
  CNTV_CVAL_EL0: encode(3, 3, 14, 3, 2),
  CNTP_CTL_EL0: encode(3, 3, 14, 2, 1),
  CNTP_CVAL_EL0: encode(3, 3, 14, 2, 2),
};

/** The encoding of a system register that a probe names. @throws Error for a name that no probe may use */
export function encodingOf(name: string): number {
  const encoding = TIMER_REGISTERS[name] ?? findSystemRegister(name)?.encoding;
  if (encoding === undefined) throw new Error(`a probe names no register ${name}`);
  return encoding;
}

/** A command as /init takes it: `G cpu REGISTER` and `S cpu REGISTER value` become instructions. */
function wire(command: string): string {
  const [op = '', cpu, name = '', ...rest] = command.split(' ');
  if ((op !== 'G' && op !== 'S') || !/_EL/.test(name)) return command;
  return [op, cpu, instruction(encodingOf(name), op === 'G'), ...rest].join(' ');
}

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
    if (isSilent(command)) kernel.send(wire(command));
    else answers.push(`${command} = ${kernel.ask(wire(command))}`);
  }
  return answers;
}
