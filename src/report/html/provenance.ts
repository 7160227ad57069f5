import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, hostname } from 'node:os';

/** The run that pages of this process are about. */
type Run = {
  /** The whole command, as a shell takes it. */
  readonly command: string;
  /** Of irqloom. */
  readonly version: string;
};

let run: Run | undefined;

/** Says which run the pages of this process are about. */
export function describeRun(described: Run): void {
  run = described;
}

/** Git may take so long to name the commit of the working directory, ms. */
const GIT_MS = 2_000;

/** Where, when and how a page came about: a line of each. */
export function provenance(): string[] {
  const [cpu] = cpus();
  const commit = commitOf(process.cwd());
  const facts = [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    ...(run === undefined ? [] : [`irqloom ${run.version}`]),
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    `host ${hostname()}`,
    `${availableParallelism()} cores${cpu === undefined ? '' : ` of ${cpu.model.trim()}`}`,
    `Node ${process.version} on ${process.platform} ${process.arch}`,
  ];
  return [...(run === undefined ? [] : [`Command: ${run.command}`]), facts.join(', ')];
}

/** The commit that is checked out in a folder, with a mark where files differ from that; undefined where there is none. */
function commitOf(folder: string): string | undefined {
  try {
    const words = ['describe', '--always', '--dirty', '--abbrev=10', '--exclude=*'];
    return (
      execFileSync('git', words, {
        cwd: folder,
        encoding: 'utf8',
        timeout: GIT_MS,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    );
  } catch {
    // No git here, or no repository.
    return undefined;
  }
}
