/**
 * The interpreter's loop. Each instruction is decoded once into a record, found by its address. A record is valid while its word equals
 * the word in memory, so changed code needs no invalidation, whichever thread changes it.
 */
import {
  DECODED,
  DECODED_ENTRIES,
  EXCEPTIONS,
  EXIT_LIMIT,
  EXIT_STOP,
  INSTRUCTIONS,
  IRQ,
  OPTION_STORE_BUFFER,
  OPTIONS,
  PC,
  PSTATE,
  STOP,
} from './block';
import { enter, heedFlushes, leave, runBeside } from './broadcast';
import {
  attention,
  block,
  codeDelta,
  codePage,
  exitReason,
  left,
  place,
  pstate,
  retag,
  runEnd,
  setAttention,
  setExit,
  setLeft,
  setNzcv,
  setRunEnd,
} from './context';
import { countTime } from './counter';
import { debugFetch, debugStepped, judgeDebug, stepping } from './debug';
import { decode } from './decode';
import { flagsToPstate, interrupt } from './exceptions';
import { fetchPage, flushTlb, protectPages } from './memory';
import { step } from './step';
import { buffering, drainOne, setBuffering, waiting } from './store-buffer';

/** The most instructions between two checks of the interrupt line. */
const SLICE: i32 = 256;
/** Mask of a page and of an instruction's alignment: a misaligned pc is in no page. */
const PAGE_AND_ALIGNMENT: u64 = 0xffff_ffff_ffff_f003;
const DECODED_MASK: usize = (DECODED_ENTRIES - 1) << 2;
const PSTATE_I: u32 = 1 << 7;

export { countTime, drainOne, flushTlb, protectPages, runBeside, waiting };

/** Binds this instance to a vCPU's block and the guest's RAM. Call before all else. */
export function bind(
  at: usize,
  lock: usize,
  dirty: usize,
  watched: usize,
  ramAt: usize,
  base: u64,
  size: u64,
): void {
  place(at, lock, dirty, watched, ramAt, base, size);
  flushTlb();
}

/** Call after an outside change of the state, of code, or of translation tables. */
export function restored(): void {
  flushTlb();
}

function begin(count: i32): void {
  const flags = load<u32>(block, PSTATE);
  store<u32>(block, flags & 0x0fff_ffff, PSTATE);
  setNzcv((flags >> 28) as i32);
  const wantsBuffer = (load<u32>(block, OPTIONS) & OPTION_STORE_BUFFER) !== 0;
  if (wantsBuffer !== buffering) {
    setBuffering(wantsBuffer);
    flushTlb();
  }
  // A snapshot may have brought other registers of debug.
  if (judgeDebug()) flushTlb();
  setLeft(count);
  setRunEnd(load<u64>(block, INSTRUCTIONS) + (count as u64));
  setAttention(0);
  setExit(-1);
  // Registers may have been written since the last run.
  retag();
  enter();
}

function end(pc: u64): i32 {
  leave();
  store<u64>(block, pc, PC);
  store<u64>(block, runEnd - (left as u64), INSTRUCTIONS);
  store<u32>(block, flagsToPstate(), PSTATE);
  return exitReason < 0 ? EXIT_LIMIT : exitReason;
}

/** Runs at most `count` instructions. Returns EXIT_*. */
export function run(count: i32): i32 {
  const s = block;
  let pc = load<u64>(s, PC);
  begin(count);
  while (left > 0 && exitReason < 0) {
    if (load<u32>(s, IRQ) !== 0 && (pstate() & PSTATE_I) === 0) pc = interrupt(pc);
    heedFlushes();
    let slice = left < SLICE ? left : SLICE;
    if (stepping) slice = 1;
    setLeft(left - slice);
    const exceptions = load<u64>(s, EXCEPTIONS);
    if (stepping) {
      pc = debugFetch(pc);
      if (load<u64>(s, EXCEPTIONS) !== exceptions) slice = 0;
    }
    while (slice > 0) {
      if ((pc & PAGE_AND_ALIGNMENT) !== codePage) {
        if (attention !== 0) break;
        pc = fetchPage(pc);
        // A fetch that takes an exception counts as an instruction.
        if ((pc & PAGE_AND_ALIGNMENT) !== codePage) {
          slice--;
          continue;
        }
      }
      const word = load<u32>((pc as usize) + codeDelta);
      const r = s + DECODED + (((pc as usize) & DECODED_MASK) << 2);
      if (load<u32>(r) !== word) decode(word, r);
      pc = step(s, r, pc, slice);
      slice--;
    }
    setLeft(left + slice);
    if (stepping) debugStepped(exceptions);
    attend();
  }
  return end(pc);
}

/** Call after each slice: an import may have ended the run. */
function attend(): void {
  setAttention(0);
  if (load<u32>(block, STOP) === 0) return;
  store<u32>(block, 0, STOP);
  setExit(EXIT_STOP);
}
