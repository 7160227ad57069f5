/** One target in a thread of its own, so that an input that takes for ever can be ended, and named. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FuzzTask, fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const task = workerData as FuzzTask;
const target = TARGETS.find(({ name }) => name === task.target);
if (!target) throw new Error(`there is no target ${task.target}`);
parentPort?.postMessage(fuzz(target, task));
