import { type InspectorNotification, Session } from 'node:inspector';

/** The key under which a thread keeps its serial number for {@link whereabouts}. */
const SERIAL = 'irqloom.thread';

/** Marks the calling worker thread with the serial number of its task. */
export function markThread(serial: number): void {
  Object.defineProperty(globalThis, Symbol.for(SERIAL), {
    value: serial,
    configurable: true,
    writable: true,
  });
}

/** The place of a thread that runs no program. */
export const IDLE = 'outside of its program, waiting for messages';

/** The bound on the inspector's answer: a thread that runs native code, or has ended, does not answer. */
const BOUND_MS = 1_500;
/** Most frames shown of a stack, innermost first. */
const SHOWN = 5;

/**
 * V8 runs an evaluation between two instructions of a thread, also inside Atomics.wait. So the stack of the evaluation
 * has the frames of the interrupted code.
 */
const EXPRESSION = `(() => {
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = 24;
  Error.prepareStackTrace = undefined;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  Error.prepareStackTrace = prepareStackTrace;
  return JSON.stringify([globalThis[Symbol.for('${SERIAL}')] ?? -1, stack]);
})()`;

/**
 * Where the marked worker threads of this process are in their code: one line each, innermost function first.
 * Interrupts the threads for some µs and changes nothing in them. Main thread.
 * @returns by serial number; leaves out a thread that was never marked or does not answer within 1.5 s
 */
export async function whereabouts(serials: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  const session = new Session();
  try {
    session.connect();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, BOUND_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      session.on('NodeWorker.attachedToWorker', ({ params }) => ask(session, params.sessionId));
      session.on('NodeWorker.receivedMessageFromWorker', (message) => {
        const answer = answerOf(message);
        if (answer === undefined || !serials.includes(answer.serial)) return;
        found.set(answer.serial, answer.place);
        if (serials.every((serial) => found.has(serial))) done();
      });
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => {
        if (error) done();
      });
    });
  } catch {
    // Without an inspector there are no stacks. Keep the error that names the thread: an error on the inspector is
    // worth less.
  } finally {
    session.disconnect();
  }
  return found;
}

function ask(session: Session, sessionId: string): void {
  const message = JSON.stringify({
    id: 1,
    method: 'Runtime.evaluate',
    params: { expression: EXPRESSION, returnByValue: true },
  });
  session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
}

type Message = InspectorNotification<{ message: string }>;

function answerOf({ params }: Message): { serial: number; place: string } | undefined {
  const { result } = JSON.parse(params.message) as { result?: { result?: { value?: unknown } } };
  const value = result?.result?.value;
  if (typeof value !== 'string') return undefined;
  const [serial, stack] = JSON.parse(value) as [number, string];
  return { serial, place: placeIn(stack) };
}

/** The functions of a stack on one line: `Atomics.wait < park (memory/event-count.js:88) < …`. */
function placeIn(stack: string): string {
  const frames = stack
    .split('\n')
    .map((line) => line.trim().replace(/^at (?:async )?/, ''))
    .slice(1)
    .filter((frame) => !/<anonymous>:\d+:\d+\)?$|\(?node:|node_modules/.test(frame));
  if (frames.length === 0) return IDLE;
  return `at ${frames.slice(0, SHOWN).map(shortened).join(' < ')}`;
}

/** A frame with the last two names of its file's path, without the column. */
function shortened(frame: string): string {
  return frame
    .replace(/\s*\(<anonymous>\)/, '')
    .replace(/(?:file:\/\/)?\/?(?:[^\s()/]+\/)*([^\s()/]+\/[^\s()/]+?:\d+):\d+/, '$1');
}
