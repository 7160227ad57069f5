import { type Profiler, Session } from 'node:inspector';

/**
 * What V8 has run of this project's own code, block by block: a fuzzer keeps an input that has run a block for the first
 * time. Asking V8 takes milliseconds, as long as hundreds of inputs, so a batch of inputs is asked about at once.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks seen so far. */
  get size(): number {
    return this.#seen.size;
  }

  /** Whether a block ran since the last question that was not seen before. The block stays unseen. */
  hasNews(): boolean {
    for (const block of this.#blocks()) if (!this.#seen.has(block)) return true;
    return false;
  }

  /** As {@link hasNews}; the blocks are seen from now on. */
  gained(): boolean {
    const before = this.#seen.size;
    for (const block of this.#blocks()) this.#seen.add(block);
    return this.#seen.size > before;
  }

  *#blocks(): Generator<string> {
    for (const { url, functions } of this.#take()) {
      if (!url.includes('/dist/src/')) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) yield `${url}:${startOffset}:${endOffset}`;
    }
  }

  /** The inspector of a thread's own session answers at once. */
  #take(): readonly Profiler.ScriptCoverage[] {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (!error) scripts = answer.result;
    });
    return scripts;
  }
}
