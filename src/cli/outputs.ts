import { EXIT, exitStatusOf } from './exit.ts';
import { OutputFile } from './output-file.ts';

/**
 * The files that a command writes at its end. All are opened before the run; the text result goes to stdout first, and the
 * files follow, so that a picture that cannot be written costs only the picture.
 */
export class Outputs {
  readonly #pending: { readonly file: OutputFile; readonly text: () => string | Uint8Array }[] = [];
  #failed = false;

  /** Opens a file. @throws IrqError `ERR_FILE` before any work is done */
  open(path: string): OutputFile;
  open(path: string | undefined): OutputFile | undefined;
  open(path: string | undefined): OutputFile | undefined {
    return path === undefined ? undefined : new OutputFile(path);
  }

  /** Plans the text of an open file; no action where the user did not ask for the file. */
  plan(file: OutputFile | undefined, text: () => string | Uint8Array): void {
    if (file !== undefined) this.#pending.push({ file, text });
  }

  /**
   * Writes all planned files. Tells on stderr of each file that cannot be written.
   * @param status - the exit status of the run.
   * @returns the status of the command: the run's own, or 2 where the run held and a file could not be written.
   */
  write(status: number): number {
    for (const { file, text } of this.#pending.splice(0)) this.#attempt(() => file.commit(text()));
    return this.#failed && status === EXIT.held ? EXIT.usage : status;
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#failed = true;
      exitStatusOf(error);
    }
  }
}
