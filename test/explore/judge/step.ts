/** One step of the judge's machine: an operation of a thread, or the end of its sleep. */
import { digest } from './digest.ts';
import { localOf } from './local.ts';
import {
  byteOf,
  type Code,
  evaluate,
  isHeld,
  narrow,
  pendingOf,
  read,
  type State,
  settle,
  type Thread,
  write,
} from './machine.ts';
import { lockIndex, type Operand, type Operation } from './program.ts';

const WAIT_RESULTS = ['ok', 'not-equal', 'timed-out'];

/** Does the next operation of thread t; where it sleeps with a timeout, its time is up. */
export function step(state: State, codes: readonly Code[], t: number): void {
  const thread = state.threads[t] as Thread;
  if (thread.state === 'asleep') {
    state.queue.splice(state.queue.indexOf(t), 1);
    if (thread.deadline > thread.clock) thread.clock = thread.deadline;
    wake(state, codes, t, 2);
    return;
  }
  const operation = pendingOf(codes, thread, t) as Operation;
  thread.clock = Math.max(thread.clock, state.now);
  switch (operation.kind) {
    case 'lock':
    case 'unlock':
      write(state.bytes, 'i32', lockIndex(operation.index), operation.kind === 'lock' ? 1n : 0n);
      thread.looks = undefined;
      answer(state, codes, t, undefined);
      return;
    case 'wait': {
      const { view, index, ms } = operation;
      const expected = narrow(view, BigInt(evaluate(operation.a, thread.registers)));
      thread.looks = undefined;
      if (BigInt(read(state.bytes, view, index)) !== expected) {
        endWait(state, codes, t, 1);
        return;
      }
      if (ms === 0) {
        endWait(state, codes, t, 2);
        return;
      }
      thread.state = 'asleep';
      thread.deadline = thread.clock + (ms ?? Infinity);
      state.queue.push(t);
      return;
    }
    case 'notify': {
      const woken: number[] = [];
      for (const u of state.queue) {
        if (woken.length >= (operation.count ?? Infinity)) break;
        if (sleepsAt(state, codes, u) === byteOf(operation.view, operation.index)) woken.push(u);
      }
      for (const u of woken) {
        state.queue.splice(state.queue.indexOf(u), 1);
        const sleeper = state.threads[u] as Thread;
        sleeper.clock = Math.max(sleeper.clock, thread.clock);
        wake(state, codes, u, 0);
      }
      thread.looks = undefined;
      thread.registers[operation.to] = woken.length;
      answer(state, codes, t, woken.length);
      return;
    }
    default:
      access(state, thread, operation);
      thread.pc++;
      settle(state, codes, t);
  }
}

/** Which byte a thread sleeps on. */
function sleepsAt(state: State, codes: readonly Code[], t: number): number {
  const operation = pendingOf(codes, state.threads[t] as Thread, t);
  return operation?.kind === 'wait' ? byteOf(operation.view, operation.index) : -1;
}

function wake(state: State, codes: readonly Code[], t: number, result: number): void {
  (state.threads[t] as Thread).state = 'ready';
  endWait(state, codes, t, result);
}

function endWait(state: State, codes: readonly Code[], t: number, result: number): void {
  const thread = state.threads[t] as Thread;
  const operation = pendingOf(codes, thread, t);
  if (operation?.kind === 'wait') thread.registers[operation.to] = result;
  answer(state, codes, t, WAIT_RESULTS[result]);
}

function answer(state: State, codes: readonly Code[], t: number, value: number | string | undefined): void {
  const thread = state.threads[t] as Thread;
  thread.answers = digest(thread.answers, value);
  thread.done++;
  thread.pc++;
  settle(state, codes, t);
}

type Access = Exclude<Operation, { kind: 'wait' | 'notify' | 'lock' | 'unlock' }>;

/** An access to memory, with the answer in its register. */
function access(state: State, thread: Thread, operation: Access): void {
  const { view, index, to, kind } = operation;
  const { bytes } = state;
  const from = localOf(thread);
  const old = read(bytes, view, index);
  const next = resultOf(operation, BigInt(old), thread.registers);
  if (next !== undefined) write(bytes, view, index, next);
  const changed = read(bytes, view, index) !== old;
  if (kind === 'store' || kind === 'write' || changed) thread.looks = undefined;
  else
    thread.looks = {
      before: thread.looks,
      key: keyOf(operation, thread.registers),
      pc: thread.pc,
      view,
      index,
      value: old,
      from,
    };
  const wide = view === 'i64' || view === 'u64';
  let result: number | bigint = old;
  if (kind === 'store' || kind === 'write') {
    const given = evaluate((operation as { a: Operand }).a, thread.registers);
    result = wide ? BigInt(given) : given;
  }
  thread.answers = digest(thread.answers, result);
  thread.done++;
  thread.registers[to] = Number(result);
}

/** What the access writes; undefined where it only reads. */
export function resultOf(operation: Access, old: bigint, registers: readonly number[]): bigint | undefined {
  if (!('a' in operation)) return undefined;
  const a = BigInt(evaluate(operation.a, registers));
  switch (operation.kind) {
    case 'store':
    case 'write':
    case 'exchange':
      return a;
    case 'add':
      return old + a;
    case 'sub':
      return old - a;
    case 'and':
      return old & a;
    case 'or':
      return old | a;
    case 'xor':
      return old ^ a;
    case 'compareExchange':
      return old === narrow(operation.view, a) ? BigInt(evaluate(operation.b, registers)) : undefined;
  }
}

/** Two operations with the same key are the same call. */
export function keyOf(operation: Operation, registers: readonly number[]): string {
  const operand = 'a' in operation ? evaluate(operation.a, registers) : '';
  const second = operation.kind === 'compareExchange' ? evaluate(operation.b, registers) : '';
  const view = 'view' in operation ? operation.view : '';
  return `${operation.kind} ${view} ${operation.index} ${operand} ${second}`;
}

/** Whether the thread's next operation has to wait for a lock. */
export function isBlocked(state: State, operation: Operation): boolean {
  return operation.kind === 'lock' && isHeld(state.bytes, operation.index);
}
