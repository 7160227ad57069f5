import { decodeAccess } from './decode-access';
import { decodeImmediate } from './decode-immediate';
import { decodeRegister } from './decode-register';
import { decodeBranch } from './decode-system';
import { decodeVector } from './decode-vector';
import { bits, putImmediate, undefinedRecord } from './record';

/** Decodes a word into the record at `r`: the top of Arm DDI 0487, C4.1, by op0 (bits 28:25). */
export function decode(word: u32, r: usize): void {
  putImmediate(r, 0);
  switch (bits(word, 25, 4)) {
    case 8:
    case 9:
      decodeImmediate(word, r);
      break;
    case 10:
    case 11:
      decodeBranch(word, r);
      break;
    case 4:
    case 6:
    case 12:
    case 14:
      decodeAccess(word, r);
      break;
    case 5:
    case 13:
      decodeRegister(word, r);
      break;
    case 7:
    case 15:
      decodeVector(word, r);
      break;
    default:
      undefinedRecord(r);
  }
  store<u32>(r, word);
}
