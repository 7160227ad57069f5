/**
 * Whether a thread waits in a loop, by two rules. The first is the explorer's, of what can be seen of a thread from outside. It does where it has gone through the loop once and seen what memory holds still,
 * is at the same place again, and would, if all other threads stood still, go through the same again and again for ever.
 */
import { goOnAlike } from './local.ts';
import {
  type Code,
  type Look,
  narrow,
  pendingOf,
  read,
  runLocally,
  type State,
  type Thread,
} from './machine.ts';
import { keyOf, resultOf } from './step.ts';

/** What a thread does alone: looks without end, given as the looks before it repeats itself and those that repeat. */
type Alone = { readonly keys: readonly string[]; readonly from: number };

/** What threads do alone is asked for again and again. */
export type AloneMemo = Map<string, Alone | undefined>;

export function waitsInLoop(state: State, codes: readonly Code[], t: number, memo: AloneMemo): boolean {
  const thread = state.threads[t] as Thread;
  if (thread.looks === undefined) return false;
  const operation = pendingOf(codes, thread, t);
  if (operation === undefined) return false;
  // The looks since the last change whose answers still stand, the latest first.
  const recent: string[] = [];
  let repeats = false;
  for (let look: Look | undefined = thread.looks; look !== undefined; look = look.before) {
    if (read(state.bytes, look.view, look.index) !== look.value) break;
    recent.push(look.key);
    if (look.pc === thread.pc) repeats = true;
  }
  if (!repeats) return false;
  const name = `${t} ${thread.pc} ${thread.registers} ${thread.counters} ${hex(state.bytes)}`;
  if (!memo.has(name)) memo.set(name, goAlone(state, codes, t));
  const alone = memo.get(name);
  if (alone === undefined) return false;
  for (let period = 1; period <= recent.length; period++) {
    if (isRound(alone, recent, period)) return true;
  }
  return false;
}

/**
 * The exact rule: a thread waits if what it saw in its last looks still stands, and it is as it was before them. It differs from the
 * first where a thread counts its looks, or goes through a loop within a loop.
 */
export function isWhereItWas(state: State, codes: readonly Code[], t: number): boolean {
  const thread = state.threads[t] as Thread;
  const code = codes[t] as Code;
  for (let look: Look | undefined = thread.looks; look !== undefined; look = look.before) {
    if (read(state.bytes, look.view, look.index) !== look.value) return false;
    if (goOnAlike(code, look.from, thread)) return true;
  }
  return false;
}

/** Whether the last `period` looks are what the thread would do again and again. */
function isRound({ keys, from }: Alone, recent: readonly string[], period: number): boolean {
  const cycle = keys.length - from;
  // Two sequences that repeat themselves are the same if they agree for so long.
  const enough = from + cycle + period;
  for (let i = 0; i < enough; i++) {
    const key = i < keys.length ? keys[i] : keys[from + ((i - from) % cycle)];
    if (key !== recent[period - 1 - (i % period)]) return false;
  }
  return true;
}

/** The thread's looks where it does nothing else; undefined where it changes something, sleeps, ends or throws. */
function goAlone(state: State, codes: readonly Code[], t: number): Alone | undefined {
  const original = state.threads[t] as Thread;
  const thread: Thread = {
    ...original,
    registers: original.registers.slice(),
    counters: original.counters.slice(),
  };
  const seen = new Map<string, number>();
  const keys: string[] = [];
  for (;;) {
    const operation = pendingOf(codes, thread, t);
    if (operation === undefined) return undefined;
    const now = `${thread.pc} ${thread.registers} ${thread.counters}`;
    const before = seen.get(now);
    if (before !== undefined) return { keys, from: before };
    seen.set(now, keys.length);
    switch (operation.kind) {
      case 'lock':
      case 'unlock':
      case 'wait':
      case 'notify':
      case 'store':
      case 'write':
        return undefined;
      default: {
        const old = read(state.bytes, operation.view, operation.index);
        const next = resultOf(operation, BigInt(old), thread.registers);
        if (next !== undefined && narrow(operation.view, next) !== BigInt(old)) return undefined;
        keys.push(keyOf(operation, thread.registers));
        thread.registers[operation.to] = Number(old);
        thread.pc++;
        if (runLocally(codes[t] as Code, thread) !== 'operation') return undefined;
      }
    }
  }
}

function hex(bytes: DataView): string {
  return Buffer.from(bytes.buffer).toString('latin1');
}
