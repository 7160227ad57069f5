/**
 * The judge's own machine: an interpreter of programs over plain bytes. A state holds all there is, so that a copy of
 * it is a fork. Nothing here is shared with the explorer.
 */
import {
  BYTES,
  type Condition,
  lockIndex,
  type Operand,
  type Operation,
  type Program,
  REGISTERS,
  type Statement,
  type View,
} from './program.ts';

/** Statements with their branches as jumps. `counter` is a slot of the thread's loop counters. */
type Instruction =
  | { readonly kind: 'do'; readonly operation: Operation }
  | { readonly kind: 'log'; readonly reg: number }
  | { readonly kind: 'jumpUnless'; readonly when: Condition; readonly to: number }
  | { readonly kind: 'jump'; readonly to: number }
  | { readonly kind: 'begin'; readonly counter: number }
  | {
      readonly kind: 'repeat';
      readonly counter: number;
      readonly times: number;
      readonly when: Condition;
      readonly to: number;
    }
  | { readonly kind: 'throw' }
  | { readonly kind: 'throwIfLogged'; readonly values: string };

export type Code = { readonly instructions: readonly Instruction[]; readonly counters: number };

export function assemble(statements: readonly Statement[]): Code {
  const out: Instruction[] = [];
  let counters = 0;
  const emit = (list: readonly Statement[]): void => {
    for (const statement of list) {
      if (statement.kind === 'if') {
        const test = out.push({ kind: 'throw' }) - 1;
        emit(statement.yes);
        const over = out.push({ kind: 'throw' }) - 1;
        out[test] = { kind: 'jumpUnless', when: statement.when, to: out.length };
        emit(statement.no);
        out[over] = { kind: 'jump', to: out.length };
      } else if (statement.kind === 'loop') {
        const counter = counters++;
        out.push({ kind: 'begin', counter });
        const to = out.length;
        emit(statement.body);
        out.push({ kind: 'repeat', counter, times: statement.times, when: statement.again, to });
      } else out.push(statement);
    }
  };
  emit(statements);
  return { instructions: out, counters };
}

export function assembleAll(program: Program): readonly Code[] {
  return program.threads.map(assemble);
}

/** A look that a thread has made since it last changed anything; a list that grows at its head. */
export type Look = {
  readonly before: Look | undefined;
  readonly key: string;
  /** Where in the thread's code. */
  readonly pc: number;
  readonly view: View;
  readonly index: number;
  readonly value: number | bigint;
  /** What the thread was before the look. */
  readonly from: Local;
};

/** What a thread goes by, but for memory and time. */
export type Local = Pick<Thread, 'pc' | 'registers' | 'counters' | 'log'>;

/** What a thread is, but for memory. `asleep` says where it is in the queue of waiters. */
export type Thread = {
  pc: number;
  registers: number[];
  counters: number[];
  log: string;
  looks: Look | undefined;
  /** A digest of all answers so far, and how many there were. */
  answers: number;
  done: number;
  clock: number;
  deadline: number;
  state: 'ready' | 'asleep' | 'ended' | 'failed';
};

export type State = {
  readonly bytes: DataView;
  readonly threads: Thread[];
  readonly queue: number[];
  /** The latest time to which all threads have slept. */
  now: number;
  failed: number;
};

export function start(codes: readonly Code[]): State {
  const state: State = {
    bytes: new DataView(new ArrayBuffer(BYTES)),
    threads: codes.map(({ counters }) => ({
      pc: 0,
      registers: new Array<number>(REGISTERS).fill(0),
      counters: new Array<number>(counters).fill(0),
      log: '',
      looks: undefined,
      answers: 0,
      done: 0,
      clock: 0,
      deadline: Infinity,
      state: 'ready',
    })),
    queue: [],
    now: 0,
    failed: -1,
  };
  for (const t of state.threads.keys()) settle(state, codes, t);
  return state;
}

export function copy(state: State): State {
  const bytes = new DataView(state.bytes.buffer.slice(0));
  const threads = state.threads.map((thread) => ({
    ...thread,
    registers: thread.registers.slice(),
    counters: thread.counters.slice(),
  }));
  return { bytes, threads, queue: state.queue.slice(), now: state.now, failed: state.failed };
}

/** The operation that a thread has come to. */
export function pendingOf(codes: readonly Code[], thread: Thread, t: number): Operation | undefined {
  const instruction = codes[t]?.instructions[thread.pc];
  return instruction?.kind === 'do' ? instruction.operation : undefined;
}

/** Runs a thread on to its next operation, its end, or what it throws. */
export function settle(state: State, codes: readonly Code[], t: number): void {
  const thread = state.threads[t] as Thread;
  const how = runLocally(codes[t] as Code, thread);
  if (how === 'operation') return;
  thread.state = how === 'threw' ? 'failed' : 'ended';
  if (how === 'threw' && state.failed < 0) state.failed = t;
}

export function runLocally(code: Code, thread: Thread): 'operation' | 'ended' | 'threw' {
  const { registers, counters } = thread;
  for (;;) {
    const instruction = code.instructions[thread.pc];
    if (instruction === undefined) return 'ended';
    switch (instruction.kind) {
      case 'do':
        return 'operation';
      case 'log':
        thread.log += `${thread.log === '' ? '' : ','}${registers[instruction.reg]}`;
        thread.pc++;
        break;
      case 'jumpUnless':
        thread.pc = holds(instruction.when, registers) ? thread.pc + 1 : instruction.to;
        break;
      case 'jump':
        thread.pc = instruction.to;
        break;
      case 'begin':
        counters[instruction.counter] = 1;
        thread.pc++;
        break;
      case 'repeat': {
        const turn = counters[instruction.counter] as number;
        const again = holds(instruction.when, registers) && turn < instruction.times;
        // A loop without a bound counts nothing: else its states would never come again.
        if (again && instruction.times < Infinity) counters[instruction.counter] = turn + 1;
        thread.pc = again ? instruction.to : thread.pc + 1;
        break;
      }
      case 'throw':
        return 'threw';
      case 'throwIfLogged':
        if (thread.log === instruction.values) return 'threw';
        thread.pc++;
    }
  }
}

export function evaluate(operand: Operand, registers: readonly number[]): number {
  return typeof operand === 'number' ? operand : (registers[operand.reg] as number) + operand.plus;
}

function holds({ reg, equal, to }: Condition, registers: readonly number[]): boolean {
  return (registers[reg] === evaluate(to, registers)) === equal;
}

const WIDTH: Readonly<Record<View, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
};

export function byteOf(view: View, index: number): number {
  return index * WIDTH[view];
}

export function read(bytes: DataView, view: View, index: number): number | bigint {
  const at = byteOf(view, index);
  switch (view) {
    case 'i8':
      return bytes.getInt8(at);
    case 'u8':
      return bytes.getUint8(at);
    case 'i16':
      return bytes.getInt16(at, true);
    case 'u16':
      return bytes.getUint16(at, true);
    case 'i32':
      return bytes.getInt32(at, true);
    case 'u32':
      return bytes.getUint32(at, true);
    case 'i64':
      return bytes.getBigInt64(at, true);
    case 'u64':
      return bytes.getBigUint64(at, true);
  }
}

/** Writes the low bits of an integer. */
export function write(bytes: DataView, view: View, index: number, value: bigint): void {
  const at = byteOf(view, index);
  for (let i = 0; i < WIDTH[view]; i++) bytes.setUint8(at + i, Number((value >> BigInt(8 * i)) & 255n));
}

/** The value that an integer has once it was written to such an element. */
export function narrow(view: View, value: bigint): bigint {
  const bits = WIDTH[view] * 8;
  return view.startsWith('u') ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
}

/** What a lock word holds. */
export function isHeld(bytes: DataView, lock: number): boolean {
  return read(bytes, 'i32', lockIndex(lock)) !== 0;
}
