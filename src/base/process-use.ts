import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Resources that this process holds now. null where the system does not tell: only Linux has /proc. */
export type ProcessUse = {
  readonly rssBytes: number;
  /** Open file descriptors. */
  readonly descriptors: number | null;
  /** Threads of the operating system: those of JavaScript, and Node's own. */
  readonly threads: number | null;
};

/** Resources that this process holds, after garbage has been collected. Main thread; takes some ms. */
export function processUse(): ProcessUse {
  collectGarbage();
  return { rssBytes: process.memoryUsage.rss(), descriptors: entries('fd'), threads: entries('task') };
}

/** Entries of a folder of /proc/self, without the descriptor that lists them. */
function entries(folder: 'fd' | 'task'): number | null {
  try {
    const { length } = readdirSync(`/proc/self/${folder}`);
    return folder === 'fd' ? length - 1 : length;
  } catch {
    return null;
  }
}

let collect: (() => void) | undefined;

/** A full collection: without one, the buffers of machines that have ended still count. */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
