import type { VcpuId } from '../arch/intid.ts';
import type { Core } from '../cpu/index.ts';
import type { GuestBoard } from './guest-board.ts';
import { translate } from './translate.ts';

/** Operations. @see Arm semihosting specification, "Semihosting operations" */
const SYS_WRITEC = 0x03;
const SYS_WRITE0 = 0x04;
const SYS_EXIT = 0x18;
const SYS_EXIT_EXTENDED = 0x20;
const APPLICATION_EXIT = 0x2_0026n;
const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;
const MOST_TEXT = 4096;

/** Performs the semihosting call at which a vCPU has stopped: x0 is the operation, x1 its argument. The vCPU's thread. */
export function semihosting(board: GuestBoard, core: Core, vcpu: VcpuId): void {
  const operation = Number(core.x(0) & 0xffff_ffffn);
  const { memory } = board.machine;
  const byteAt = (address: bigint) => {
    const at = translate(core, memory, address);
    return at >= 0 && memory.has(at, 1) ? memory.byte(at) : -1;
  };
  if (operation === SYS_EXIT || operation === SYS_EXIT_EXTENDED) {
    const at = translate(core, memory, core.x(1));
    const block =
      at >= 0 && memory.has(at, 16) ? [memory.doubleWord(at), memory.doubleWord(at + 8)] : [0n, 1n];
    const [reason, status = 1n] = block;
    board.end.say('power-off', reason === APPLICATION_EXIT ? Number(BigInt.asIntN(32, status)) : 1, vcpu);
  } else if (operation === SYS_WRITEC) {
    board.platform.uart.say(Math.max(0, byteAt(core.x(1))));
  } else if (operation === SYS_WRITE0) {
    for (let index = 0n; index < MOST_TEXT; index++) {
      const byte = byteAt(core.x(1) + index);
      if (byte <= 0) break;
      board.platform.uart.say(byte);
    }
  } else core.setX(0, NOT_SUPPORTED);
}
