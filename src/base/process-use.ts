import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Resources that this process holds now. null if the system does not tell: only Linux has /proc. */
export type ProcessUse = {
  readonly rssBytes: number;
  /** Open file descriptors. */
  readonly descriptors: number | null;
  /** Threads of the operating system: JavaScript's and Node's own. */
  readonly threads: number | null;
};

/** Collects garbage, then counts the resources that this process holds. Main thread; takes some ms. */
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

/** Runs a full collection: otherwise the buffers of ended machines still count. */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
