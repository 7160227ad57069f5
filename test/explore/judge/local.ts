/**
 * What a thread goes by: whether two moments of a thread are the same for all that can follow. Registers that the thread
 * does not look at again, and a log that is too long for any comparison, make no difference.
 */
import { type Code, evaluate, type Local, narrow, runLocally, type Thread } from './machine.ts';
import type { Operation, View } from './program.ts';

/** Answers that are tried, before they are narrowed to the view. */
const ANSWERS = [-1n, 0n, 1n, 2n, 3n, 4n];
/** Pairs of moments that are looked at; where there are more, the two are taken for different. */
const MOST_PAIRS = 2000;
/** A longer log is equal to no text that programs compare logs with. */
const LONGEST_LOG = 12;

export function localOf({ pc, registers, counters, log }: Local): Local {
  return { pc, registers: registers.slice(), counters: counters.slice(), log };
}

/** By code: what was found out about two moments. */
const KNOWN = new WeakMap<Code, Map<string, boolean>>();

/** Whether a thread does the same from here and from there on, whatever its operations answer. */
export function goOnAlike(code: Code, here: Local, there: Local): boolean {
  const names = [nameOf(here), nameOf(there)];
  if (names[0] === names[1]) return true;
  const known = KNOWN.get(code) ?? new Map<string, boolean>();
  KNOWN.set(code, known);
  const pair = names.join('|');
  const found = known.get(pair) ?? compareMoments(code, here, there);
  known.set(pair, found);
  return found;
}

function compareMoments(code: Code, here: Local, there: Local): boolean {
  const seen = new Set<string>();
  const open: [Local, Local][] = [[here, there]];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const [one, other] = pair;
    const names = [nameOf(one), nameOf(other)];
    if (names[0] === names[1] || seen.has(names.join('|'))) continue;
    seen.add(names.join('|'));
    if (seen.size > MOST_PAIRS) return false;
    const [first, second] = [operationOf(code, one), operationOf(code, other)];
    if (callOf(first, one) !== callOf(second, other)) return false;
    for (const answer of answersOf(first, one)) {
      const [next, nextOther] = [after(code, one, first, answer), after(code, other, second, answer)];
      if (next.how !== nextOther.how) return false;
      if (next.how === 'operation') open.push([next.local, nextOther.local]);
    }
  }
  return true;
}

function nameOf({ pc, registers, counters, log }: Local): string {
  return `${pc} ${registers} ${counters} ${log.length > LONGEST_LOG ? 'long' : log}`;
}

function operationOf(code: Code, { pc }: Local): Operation {
  const instruction = code.instructions[pc];
  if (instruction?.kind !== 'do') throw new Error('a thread stands at an operation');
  return instruction.operation;
}

/** The call with the values of its operands. */
function callOf(operation: Operation, { registers }: Local): string {
  const { to: _, ...call } = { to: 0, ...operation };
  return JSON.stringify(call, (_key, value) =>
    typeof value === 'object' && value !== null && 'reg' in value ? evaluate(value, registers) : value,
  );
}

function answersOf(operation: Operation, { registers }: Local): readonly number[] {
  switch (operation.kind) {
    case 'lock':
    case 'unlock':
      return [0];
    case 'wait':
    case 'notify':
      return [0, 1, 2];
    case 'store':
    case 'write':
      return [evaluate(operation.a, registers)];
    default:
      return [...new Set(ANSWERS.map((value) => Number(narrow(operation.view as View, value))))];
  }
}

function after(
  code: Code,
  local: Local,
  operation: Operation,
  answer: number,
): { readonly how: 'operation' | 'ended' | 'threw'; readonly local: Local } {
  const next = localOf(local);
  if ('to' in operation) next.registers[operation.to] = answer;
  next.pc++;
  return { how: runLocally(code, next as Thread), local: next };
}
