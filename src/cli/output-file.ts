import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';

/**
 * A file that a command writes at its end. The constructor opens the file before the run, under another name in the same
 * folder, so that the command refuses an unwritable path before the work; {@link commit} writes, flushes and renames, so that
 * no reader ever sees half a file, and an earlier file stays whole where the disk is full.
 */
export class OutputFile {
  readonly path: string;
  #fd: number;
  /** The file of the text until the text is whole; the path itself where the path is a device or a pipe. */
  readonly #part: string | undefined;
  readonly #target: string;
  #open = true;
  #written = false;

  /**
   * Opens the output.
   * @param path - as the user named the file.
   * @throws IrqError `ERR_FILE` where the path cannot be written: no such folder, a folder, no permission.
   */
  constructor(path: string) {
    this.path = path;
    const kind = refuseTarget(path);
    try {
      this.#target = kind === 'file' ? realpathSync(path) : resolve(path);
      if ([...OPEN].some((other) => other.#target === this.#target))
        throw new Error('another output of this command has that path');
      if (kind === 'other') {
        this.#part = undefined;
        this.#fd = openDevice(path);
      } else {
        const folder = dirname(this.#target);
        this.#part = join(folder, partName(basename(this.#target)));
        this.#fd = openPart(this.#part, this.#target);
      }
    } catch (error) {
      throw cannotWrite(path, error);
    }
    OPEN.add(this);
  }

  /** Whether a text was written whole and has its name. */
  get written(): boolean {
    return this.#written;
  }

  /** Writes the whole text and gives the file its name, as {@link commit}; the output stays open for the next text. */
  rewrite(text: string): void {
    this.commit(text);
    try {
      this.#fd = openSync(this.#part ?? this.#target, 'w', 0o666);
      this.#open = true;
      OPEN.add(this);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  /** Writes the whole text, flushes, and gives the file its name. @throws IrqError `ERR_FILE`: the old file is as before */
  commit(text: string | Uint8Array): void {
    try {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      if (this.#part !== undefined) {
        fsyncSync(this.#fd);
        this.#close();
        renameSync(this.#part, this.#target);
      } else this.#close();
      this.#written = true;
    } catch (error) {
      this.discard();
      throw cannotWrite(this.path, error);
    }
  }

  /** Gives the output up; a file of before stays as before. Never throws: nothing that was wanted is lost by that. */
  discard(): void {
    attempt(() => this.#close());
    const part = this.#part;
    if (part !== undefined) attempt(() => rmSync(part, { force: true }));
  }

  #close(): void {
    OPEN.delete(this);
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

/** Outputs that are open now: taken away when the process ends without them. */
const OPEN = new Set<OutputFile>();
process.on('exit', () => {
  for (const output of OPEN) output.discard();
});

function attempt(call: () => void): void {
  try {
    call();
  } catch {
    // A disk that fails, or may not be written any more.
  }
}

/**
 * Looks at a path before something is written there.
 * @returns whether a file has that path already, or a device or pipe, or nothing
 * @throws IrqError `ERR_FILE` where the path is a folder, or a file that this command has read
 */
export function refuseTarget(path: string): 'file' | 'other' | 'none' {
  try {
    if (path === '') throw new Error('the path is empty; name a file');
    if (path.endsWith('/')) throw new Error('the path names a folder; name a file');
    let stat = lstatSync(path, { throwIfNoEntry: false });
    // A link of /proc leads to a pipe that has no path: so the file is asked, and not its path.
    if (stat?.isSymbolicLink()) stat = statSync(path);
    if (stat?.isDirectory()) throw new Error('the path is a folder; name a file');
    if (isInputFile(path)) throw new Error('the file is an input of this command');
    return stat === undefined ? 'none' : stat.isFile() ? 'file' : 'other';
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Opens the part of an output; an error tells the fault of the path that the user named, and not of the part's. */
function openPart(part: string, target: string): number {
  try {
    return openSync(part, 'w', 0o666);
  } catch (error) {
    const folder = dirname(target);
    const { code, message } = error as NodeJS.ErrnoException;
    // /proc is there, and takes no files.
    if (code === 'ENOENT' && existsSync(folder))
      throw new Error(`the folder ${folder} takes no new files`, { cause: error });
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new Error(`there is no folder ${folder}; make that folder first`, { cause: error });
    throw new Error(message.replace(part, target), { cause: error });
  }
}

/** Outputs that this process has named so far. */
let parts = 0;
/** Characters of a file's name in the name of its part: a name may be as long as the file system takes. */
const SHOWN = 40;

function partName(name: string): string {
  return `.${name.slice(0, SHOWN)}.${process.pid}-${++parts}.part`;
}

/** Opens a device or a pipe. A FIFO without a reader is an error at once (ENXIO), in the place of a wait for one. */
function openDevice(path: string): number {
  const { O_NONBLOCK, O_WRONLY } = constants;
  const probe = openSync(path, O_WRONLY | (O_NONBLOCK ?? 0));
  try {
    return openSync(path, O_WRONLY);
  } finally {
    closeSync(probe);
  }
}

/** The error for a path that cannot be written. */
export function cannotWrite(path: string, error: unknown): IrqError {
  const why = error instanceof Error ? error.message : String(error);
  return new IrqError('ERR_FILE', `${path || '""'} cannot be written: ${why}`, { cause: error });
}
