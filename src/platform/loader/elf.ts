import { IrqError } from '../../base/irq-error.ts';
import type { Kernel, Segment } from './program.ts';

const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const MACHINE_AARCH64 = 183;
const SEGMENT_LOAD = 1;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/**
 * Reads the loadable segments of an ELF for AArch64, at their physical addresses. A segment's bytes beyond its file part are zeros, as
 * guest memory is initially.
 * @throws IrqError `ERR_GUEST_IMAGE`
 */
export function readElf(bytes: Uint8Array): Kernel {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES) throw refused('it ends within its header');
  if (bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN || view.getUint16(18, true) !== MACHINE_AARCH64)
    throw refused('it is not a little-endian 64-bit one for AArch64');
  const long = (at: number) => Number(view.getBigUint64(at, true));
  const headersAt = long(32);
  const headers = view.getUint16(56, true);
  if (view.getUint16(54, true) !== PROGRAM_HEADER_BYTES)
    throw refused('its program headers are not 56 bytes long');
  if (headersAt + headers * PROGRAM_HEADER_BYTES > bytes.length)
    throw refused('its program headers are cut off');
  const segments: Segment[] = [];
  let end = 0;
  let entry = long(24);
  for (let index = 0; index < headers; index++) {
    const at = headersAt + index * PROGRAM_HEADER_BYTES;
    if (view.getUint32(at, true) !== SEGMENT_LOAD) continue;
    const [offset, virtual, address, fileBytes, memoryBytes] = [8, 16, 24, 32, 40].map((field) =>
      long(at + field),
    );
    if (offset === undefined || virtual === undefined || address === undefined) continue;
    if (fileBytes === undefined || memoryBytes === undefined) continue;
    if (offset + fileBytes > bytes.length) throw refused(`segment ${index} is cut off`);
    segments.push({ address, bytes: bytes.subarray(offset, offset + fileBytes) });
    end = Math.max(end, address + memoryBytes);
    // The MMU is off at the entry, so the entry point must be a physical address.
    const virtualEntry = long(24);
    if (virtualEntry >= virtual && virtualEntry < virtual + memoryBytes)
      entry = virtualEntry - virtual + address;
  }
  if (segments.length === 0) throw refused('it has no loadable segment');
  return { kind: 'ELF', segments, entry, end };
}

function refused(why: string): IrqError {
  return new IrqError('ERR_GUEST_IMAGE', `this ELF file cannot be loaded: ${why}`);
}
