import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { SHELLS, type Shell } from '../../src/cli/completion-scripts.ts';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

const scripts = new Map<Shell, string>();
let commands: readonly Command[] = [];
beforeAll(async () => {
  commands = await Promise.all(Object.values(COMMANDS).map((make) => make()));
  for (const shell of SHELLS) scripts.set(shell, (await irqloom(['completion', shell])).stdout);
});

/** The lines of a script that are about a command, as each shell's script is laid out. */
function partAbout(script: string, shell: Shell, name: string): string {
  if (shell === 'zsh') return script.split(`\n    ${name})\n`)[1]?.split('\n      ;;')[0] ?? '';
  const begins =
    shell === 'bash' ? `    ${name}) ` : `complete -c irqloom -n '__fish_seen_subcommand_from ${name}'`;
  return script
    .split('\n')
    .filter((line) => line.startsWith(begins))
    .join('\n');
}

/** Commands and flags that a script does not complete. */
function missingIn(script: string, shell: Shell, all: readonly Command[]): string[] {
  return all.flatMap((command) => {
    const part = partAbout(script, shell, command.name());
    const words = new Set(part.split(/[\s'{},()[\]]+/));
    return command.options
      .filter(({ long }) => !words.has(shell === 'fish' ? (long ?? '').slice(2) : (long ?? '')))
      .map(({ long }) => `${command.name()} ${long}`);
  });
}

const hasShell = (shell: string) => {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe('a completion script', () => {
  test.each(SHELLS)('a completion script of %s has every flag of every command', (shell) => {
    expect(commands.length).toBe(Object.keys(COMMANDS).length);
    expect(missingIn(scripts.get(shell) ?? '', shell, commands)).toEqual([]);
  });

  test.each(SHELLS)('a completion script of %s without a flag is found faulty', async (shell) => {
    const layout = (await COMMANDS.layout?.()) as Command;
    layout.option('--colour <name>', 'a flag that no script has');
    expect(missingIn(scripts.get(shell) ?? '', shell, [layout])).toEqual(['layout --colour']);
  });

  test.each(SHELLS.map((shell) => [shell] as const).filter(([shell]) => hasShell(shell)))(
    'of %s is one that the shell can read',
    (shell) => {
      const path = join(folder, `irqloom.${shell}`);
      writeFileSync(path, scripts.get(shell) ?? '');
      execFileSync(shell, ['-n', path]);
      writeFileSync(path, `${scripts.get(shell)}\nif (`);
      expect(() => execFileSync(shell, ['-n', path], { stdio: 'ignore' })).toThrow();
    },
  );

  test('a completion script for an unknown shell is refused, with the known shells', async () => {
    const { status, stderr } = await irqloom(['completion', 'tcsh']);
    expect(status).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
  });
});

describe('bash completes', () => {
  /** What bash offers for the last of some words. */
  async function offered(...words: readonly string[]): Promise<string[]> {
    const list = ['irqloom', ...words].map((word) => `'${word}'`).join(' ');
    const run = `${scripts.get('bash')}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length}; _irqloom; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', run]);
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('bash completes a command, a flag, the values of a flag, and the values of an argument', async () => {
    expect(await offered('com')).toEqual(['compare', 'compare-runs', 'completion']);
    expect(await offered('stress', '--per')).toEqual(['--perturb']);
    expect(await offered('stress', '--churn', '')).toEqual(['none', 'light', 'heavy']);
    expect(await offered('completion', 'f')).toEqual(['fish']);
    expect(await offered('help', 'lay')).toEqual(['layout']);
  });

  test('bash completes a path in the place of a file, and leaves free texts alone', async () => {
    expect(await offered('stress', '--report', 'package.j')).toEqual(['package.json']);
    expect(await offered('explore', 'README')).toEqual(['README.md']);
    expect(await offered('stress', '--seed', '')).toEqual([]);
  });
});
