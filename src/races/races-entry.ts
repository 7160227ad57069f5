import { parentPort, workerData } from 'node:worker_threads';
import { toPlain } from '../base/irq-error.ts';
import { RACES } from './index.ts';
import type { RacesMessage, RacesTask } from './races-thread.ts';
import { runRace } from './run.ts';

/** Runs one race after the other and posts each outcome. In a thread of its own, see races-thread.ts. */
export async function serveRaces(): Promise<void> {
  const post = (message: RacesMessage): void => parentPort?.postMessage(message);
  const { slugs, options } = workerData as RacesTask;
  // So that steps are shown by the lines of the TypeScript source.
  process.setSourceMapsEnabled(true);
  try {
    for (const slug of slugs) {
      const race = RACES.find((each) => each.slug === slug);
      if (race === undefined) continue;
      const { result, failure } = await runRace(race, options);
      post({ result, ...(failure === undefined ? {} : { failure }) });
    }
  } catch (error) {
    post({ error: toPlain(error) });
  }
}
