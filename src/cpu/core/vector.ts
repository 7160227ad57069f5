import { undefined_ } from './exceptions';

export function executeVector(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  return undefined_(pc);
}
