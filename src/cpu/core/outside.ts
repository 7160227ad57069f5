/** Calls out of the core. This vCPU uses no translation meanwhile, so others' TLB maintenance does not wait for it. */
import { enter, leave } from './broadcast';
import * as host from './imports';

export function busRead(address: u64, bytes: i32): u64 {
  leave();
  const value = host.busRead(address, bytes);
  enter();
  return value;
}

export function busWrite(address: u64, bytes: i32, value: u64): void {
  leave();
  host.busWrite(address, bytes, value);
  enter();
}

export function registerRead(encoding: i32): u64 {
  leave();
  const value = host.registerRead(encoding);
  enter();
  return value;
}

export function registerWrite(encoding: i32, value: u64): void {
  leave();
  host.registerWrite(encoding, value);
  enter();
}

export function hypercall(immediate: i32): void {
  leave();
  host.hypercall(immediate);
  enter();
}
