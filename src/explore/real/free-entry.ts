import type { MessagePort } from 'node:worker_threads';
import { refuseExit } from '../control/exits.ts';
import { loadSource, type ScenarioSource } from '../loading/source.ts';
import type { Alias } from '../memory/shared-buffers.ts';
import { FreeThread } from './free-thread.ts';
import { replaceWait } from './nap.ts';

/** The arguments of a free thread. */
export type FreeTask = {
  readonly source: ScenarioSource;
  readonly thread: number;
  readonly seed: number;
  readonly control: Int32Array;
  /** Loads of a word before the thread sleeps; 0 if all threads share one core. */
  readonly spin: number;
  readonly state: unknown;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly aliases: readonly Alias[];
  readonly port: MessagePort;
};

/** The body of a free thread: run after run on the engine's own Atomics, until told to stop. */
export async function serveFree(task: FreeTask): Promise<void> {
  refuseExit();
  process.setSourceMapsEnabled(true);
  const scenario = await loadSource(task.source);
  const { port } = task;
  const putBack = replaceWait(task);
  port.postMessage('ready');
  try {
    new FreeThread(task, scenario).serve();
  } finally {
    putBack();
    port.close();
  }
}
