/** A program as thread functions for the explorer. */

import type { Scenario } from '../../../src/explore/loading/scenario.ts';
import { AbstractLock } from '../../../src/explore/telling/abstract-lock.ts';
import {
  BYTES,
  lockIndex,
  type Operand,
  type Operation,
  type Program,
  REGISTERS,
  type Statement,
  showCondition,
  showOperand,
  VIEWS,
} from './program.ts';

export type JudgedState = { readonly bytes: Uint8Array } & Readonly<Record<string, unknown>>;

/** The source of one thread: the body of a function of the state `s` and the class `Lock`. */
export function threadSource(statements: readonly Statement[]): string {
  const registers = Array.from({ length: REGISTERS }, (_, i) => `r${i} = 0`).join(', ');
  return `'use strict';\nconst { ${VIEWS.join(', ')} } = s;\nlet ${registers};\nconst log = [];\n${block(statements, { loops: 0 })}`;
}

/** The program as a person reads it. */
export function show(program: Program): string {
  return program.threads.map((thread, t) => `// thread t${t}\n${threadSource(thread)}`).join('\n');
}

export function toScenario(program: Program): Scenario<JudgedState> {
  const bodies = program.threads.map(
    (thread) =>
      new Function('s', 'Lock', threadSource(thread)) as (s: JudgedState, lock: typeof AbstractLock) => void,
  );
  return {
    name: `judged-${program.seed}`,
    setup() {
      const buffer = new SharedArrayBuffer(BYTES);
      return {
        bytes: new Uint8Array(buffer),
        i8: new Int8Array(buffer),
        u8: new Uint8Array(buffer),
        i16: new Int16Array(buffer),
        u16: new Uint16Array(buffer),
        i32: new Int32Array(buffer),
        u32: new Uint32Array(buffer),
        i64: new BigInt64Array(buffer),
        u64: new BigUint64Array(buffer),
      };
    },
    threads: Object.fromEntries(
      bodies.map((body, t) => [`t${t}`, (s: JudgedState) => body(s, AbstractLock)]),
    ),
  };
}

function block(statements: readonly Statement[], names: { loops: number }): string {
  return statements.map((statement) => source(statement, names)).join('\n');
}

function source(statement: Statement, names: { loops: number }): string {
  switch (statement.kind) {
    case 'do':
      return call(statement.operation);
    case 'log':
      return `log.push(r${statement.reg});`;
    case 'if':
      return `if (${showCondition(statement.when)}) {\n${block(statement.yes, names)}\n} else {\n${block(statement.no, names)}\n}`;
    case 'loop': {
      const n = `n${names.loops++}`;
      return `for (let ${n} = 1; ; ${n}++) {\n${block(statement.body, names)}\nif (!(${showCondition(statement.again)}) || ${n} >= ${statement.times}) break;\n}`;
    }
    case 'throw':
      return `throw new Error('thrown');`;
    case 'throwIfLogged':
      return `if (log.join() === ${JSON.stringify(statement.values)}) throw new Error('logged');`;
  }
}

function call(operation: Operation): string {
  if (!('view' in operation)) {
    return `new Lock(i32, ${lockIndex(operation.index)}).${operation.kind}();`;
  }
  const { kind, view, index, to } = operation;
  const wide = view === 'i64' || view === 'u64';
  const value = (operand: Operand): string =>
    wide ? `BigInt(${showOperand(operand)})` : showOperand(operand);
  const at = `${view}, ${index}`;
  switch (kind) {
    case 'read':
      return `r${to} = Number(${view}[${index}]);`;
    case 'write':
      return `r${to} = Number(${view}[${index}] = ${value(operation.a)});`;
    case 'load':
      return `r${to} = Number(Atomics.load(${at}));`;
    case 'compareExchange':
      return `r${to} = Number(Atomics.compareExchange(${at}, ${value(operation.a)}, ${value(operation.b)}));`;
    case 'wait': {
      const ms = operation.ms === undefined ? '' : `, ${operation.ms}`;
      return `r${to} = ['ok', 'not-equal', 'timed-out'].indexOf(Atomics.wait(${at}, ${value(operation.a)}${ms}));`;
    }
    case 'notify':
      return `r${to} = Atomics.notify(${at}${operation.count === undefined ? '' : `, ${operation.count}`});`;
    default:
      return `r${to} = Number(Atomics.${kind}(${at}, ${value('a' in operation ? operation.a : 0)}));`;
  }
}
