import { FPSR, SCRATCH, V } from './block';
import { block, nzcv, setNzcv } from './context';
import { fpTrap, fpTraps, undefined_ } from './exceptions';
import { executeFloat } from './float';
import * as op from './ops';
import { executeVectorAccess } from './vector-access';
import { floatingReduce } from './vector-float';
import { twoMisc } from './vector-misc';
import { copy, extractBytes, lookUp, modifiedImmediate, permute } from './vector-move';
import { acrossLanes, scalarPair, threeSame } from './vector-same';
import { shiftImmediate } from './vector-shift';
import { byElement, threeDifferent } from './vector-wide';

/** Behind the scratch register: room for all registers. */
const SAVED: usize = SCRATCH + 0x40;
const GENERAL_BYTES: usize = 0x110;
const VECTOR_BYTES: usize = 0x200;

/** SIMD and FP. A reserved encoding is UNDEFINED regardless of CPACR_EL1.FPEN; other encodings trap if FPEN says so. */
export function executeVector(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  const isAccess = operation < op.V_THREE_SAME;
  if (fpTraps()) return isAccess || exists(operation, r) ? fpTrap(pc) : undefined_(pc);
  if (isAccess) return executeVectorAccess(operation, s, r, pc, slice);
  return process(operation, r) ? pc + 4 : undefined_(pc);
}

/** Whether an encoding is valid: executes the operation, which alone knows its reserved encodings, and undoes its effects. */
function exists(operation: i32, r: usize): boolean {
  const flags = nzcv;
  const fpsr = load<u32>(block, FPSR);
  memory.copy(block + SAVED, block, GENERAL_BYTES);
  memory.copy(block + SAVED + GENERAL_BYTES, block + V, VECTOR_BYTES);
  const found = process(operation, r);
  memory.copy(block, block + SAVED, GENERAL_BYTES);
  memory.copy(block + V, block + SAVED + GENERAL_BYTES, VECTOR_BYTES);
  store<u32>(block, fpsr, FPSR);
  setNzcv(flags);
  return found;
}

function process(operation: i32, r: usize): boolean {
  switch (operation) {
    case op.V_THREE_SAME:
      return threeSame(r);
    case op.V_THREE_DIFFERENT:
      return threeDifferent(r);
    case op.V_TWO_MISC:
      return twoMisc(r);
    case op.V_ACROSS:
      return acrossLanes(r) || floatingReduce(r, false);
    case op.V_COPY:
      return copy(r);
    case op.V_EXT:
      return extractBytes(r);
    case op.V_TABLE:
      return lookUp(r);
    case op.V_PERMUTE:
      return permute(r);
    case op.V_SHIFT_I:
      return shiftImmediate(r);
    case op.V_MODIFIED_I:
      return modifiedImmediate(r);
    case op.V_INDEXED:
      return byElement(r);
    case op.V_PAIRWISE:
      return scalarPair(r) || floatingReduce(r, true);
    default:
      return executeFloat(operation, r);
  }
}
