import type { Command } from 'commander';
import { noteInputFile } from '../base/input-file.ts';

/** Flags that name files which the command writes; the files of all other flags are read. */
const OUTPUTS = new Set('report trace metrics hgrm hdrLog save keep junit console markdown state'.split(' '));

/** Notes the files that a command line names as inputs, before an output is opened: none is written over. */
export function noteInputs(command: Command): void {
  const flags = Object.entries(command.opts<Record<string, unknown>>());
  const values = [
    ...command.args,
    ...flags.flatMap(([name, value]) => (OUTPUTS.has(name) ? [] : [value].flat())),
  ];
  for (const value of values) if (typeof value === 'string' && !value.includes('\0')) noteInputFile(value);
}
