import { undefinedRecord } from './record';

export function decodeVector(w: u32, r: usize): void {
  undefinedRecord(r);
}
