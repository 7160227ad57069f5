/**
 * Watched memory: an access to a watched granule of 8 bytes ends the run after its instruction. A byte for each page of RAM marks pages
 * with watched granules, whose accesses are checked one by one. 65,536 bits follow, found by a hash of the granule's address. Two
 * granules may share a bit, so an access to an unwatched granule may end a run.
 */
import { EXIT_STOP, SEEN, SEEN_ENTRIES, SEEN_SLOTS } from './block';
import { block, ramSize, setExit, watch } from './context';

const BITS: u64 = 0x1_0000;

/** Whether accesses to the page of an offset in RAM come through {@link noteAccess}. @inline */
export function isWatched(offset: u64): boolean {
  return watch !== 0 && load<u8>(watch + ((offset >> 12) as usize)) !== 0;
}

/** An access to a watched page. @param offset - in RAM */
export function noteAccess(offset: u64, writes: boolean): void {
  const granule = offset >> 3;
  const bit = ((granule ^ (granule >> 16)) & (BITS - 1)) as usize;
  const bits = watch + ((ramSize >> 12) as usize);
  if (((load<u8>(bits + (bit >> 3)) >> ((bit & 7) as u8)) & 1) === 0) return;
  const count = load<u32>(block, SEEN);
  if (count < (SEEN_SLOTS as u32)) {
    store<u32>(block + SEEN_ENTRIES + ((count as usize) << 2), ((granule << 3) as u32) | (writes ? 1 : 0));
    store<u32>(block, count + 1, SEEN);
  }
  setExit(EXIT_STOP);
}
