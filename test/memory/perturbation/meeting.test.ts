import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, test } from 'vitest';
import { Layout } from '../../../src/memory/layout.ts';
import { CHANGER, Meeting, meetingRegion, SIGNALLER } from '../../../src/memory/perturbation/meeting.ts';

const BUILT = new URL('../../../dist/src/memory/perturbation/meeting.js', import.meta.url).href;
const LONG_MS = 60_000;

describe('a thread that stops and one that comes by', () => {
  const layout = new Layout();
  const region = meetingRegion(layout, true);
  let words: Int32Array<SharedArrayBuffer>;
  let stopper: Meeting;

  beforeEach(() => {
    words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
    stopper = new Meeting(words, region, 1, CHANGER);
  });

  /** Another thread, which comes by in a role and answers, or releases. */
  async function comesBy(role: number, answer: 'answer' | 'release'): Promise<Worker> {
    const code = `
      import { workerData, parentPort } from 'node:worker_threads';
      import { Meeting } from ${JSON.stringify(BUILT)};
      const meeting = new Meeting(workerData.words, workerData.region, 2, ${role});
      parentPort.postMessage('ready');
      while (meeting.thread < 0) meeting.await(1);
      const seen = { thread: meeting.thread, subject: meeting.subject, isOpen: meeting.isOpen };
      meeting.${answer}();
      parentPort.postMessage(seen);
    `;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const worker = new Worker(url, { workerData: { words, region } });
    await once(worker, 'message');
    return worker;
  }

  test('an answer ends the stop, and tells what the stopped thread has in hand before', async () => {
    const worker = await comesBy(SIGNALLER, 'answer');
    const seen = once(worker, 'message');
    expect(stopper.stop(77, LONG_MS, SIGNALLER)).toBe(true);
    expect(await seen).toEqual([{ thread: 1, subject: 77, isOpen: true }]);
  });

  test('a thread of another role is not asked, and still releases the one that it may have to wait for', async () => {
    const worker = await comesBy(CHANGER, 'release');
    const seen = once(worker, 'message');
    expect(stopper.stop(78, LONG_MS, SIGNALLER)).toBe(true);
    expect(await seen).toEqual([{ thread: 1, subject: 78, isOpen: false }]);
  });

  test('a stop without an answer ends with its time', () => {
    expect(stopper.stop(1, 1, CHANGER)).toBe(true);
    expect(stopper.thread).toBe(-1);
  });

  test('a thread knows once that it has stopped', () => {
    stopper.stop(1, 1, CHANGER);
    expect(new Meeting(words, region, 2, CHANGER).takeOwn()).toBe(false);
    expect([stopper.takeOwn(), stopper.takeOwn()]).toEqual([true, false]);
  });

  test('no thread stops while the place is closed', () => {
    stopper.isClosed = true;
    expect(stopper.stop(1, LONG_MS, CHANGER)).toBe(false);
    stopper.isClosed = false;
    expect(stopper.stop(1, 1, CHANGER)).toBe(true);
  });

  test('where nothing is perturbed there are no words, and no thread stops', () => {
    const none = new Meeting(words, meetingRegion(new Layout(), false), 1, CHANGER);
    expect([none.isOpen, none.thread, none.takeOwn()]).toEqual([false, -1, false]);
    none.await(0.01);
  });
});
