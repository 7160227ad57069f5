import { shellWord } from '../base/shell-word.ts';
import { alone } from './config-file.ts';

/** The whole command that repeats the run: every option as the command line takes the option, and the seed that was drawn. */
export function repeatCommand(flags: Readonly<Record<string, unknown>>, seed: number): string {
  const words = ['npx irqloom stress'];
  for (const [name, value] of Object.entries(flags)) {
    if (name === 'seed' || value === undefined || value === false) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    words.push(value === true ? flag : `${flag} ${shellWord(String(value))}`);
  }
  return alone(`${words.join(' ')} --seed ${seed}`);
}
