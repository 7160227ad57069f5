import { executeAccess } from './access';
import { PC } from './block';
import { undefined_ } from './exceptions';
import { executeInteger } from './integer';
import { LDR_LITERAL, SHIFTED, SVC, V_LOAD } from './ops';
import { executeSystem } from './system';
import { executeVector } from './vector';

/** Operations outside of the loop: returns the address of the next instruction. */
export function cold(s: usize, r: usize, pc: u64, slice: i32): u64 {
  const op = load<u16>(r, 4) as i32;
  store<u64>(s, pc, PC);
  if (op >= V_LOAD) return executeVector(op, s, r, pc, slice);
  if (op >= SVC) return executeSystem(op, s, r, pc, slice);
  if (op >= LDR_LITERAL) return executeAccess(op, s, r, pc, slice);
  if (op >= SHIFTED) return executeInteger(op, s, r, pc);
  return undefined_(pc);
}
