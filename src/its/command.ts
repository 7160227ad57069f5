import { ITS_COMMANDS } from '../arch/its-command.ts';

export * from '../arch/its-command.ts';
export const OPCODES = ITS_COMMANDS;
