import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { ELR_EL1, ESR_EL1, FAR_EL1, VBAR_EL1 } from '../cpu/core/block.ts';
import type { Core } from '../cpu/index.ts';
import { BoardVcpu } from './board-vcpu.ts';
import type { GuestBoard } from './guest-board.ts';

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** The registers of the exception that a core takes again and again. Only while the core does not run. */
export function exceptionOf(core: Core): string {
  const registers = Object.entries({ ESR_EL1, ELR_EL1, FAR_EL1, VBAR_EL1 });
  return [`pc ${hex(core.pc)}`, ...registers.map(([name, at]) => `${name} ${hex(core.state(at))}`)].join(
    ', ',
  );
}

/** The error of a guest that ended as `stuck`. @param more - more facts about the guest, as the end of the sentence */
export function stuckError(board: GuestBoard, more?: string): IrqError {
  const vcpu: VcpuId = Math.max(0, board.end.vcpu);
  const { core, instructions } = new BoardVcpu(board, vcpu);
  return new IrqError(
    'ERR_GUEST_STUCK',
    `vCPU ${vcpu} only takes exceptions any more, after ${instructions} instructions: ${exceptionOf(core)}${more === undefined ? '' : `; ${more}`}`,
  );
}

/** The pc of each vCPU that is on, as of the end of its last slice. The main thread. */
export function placesOf(board: GuestBoard): string {
  const on = Array.from({ length: board.plan.vcpus }, (_, vcpu) => new BoardVcpu(board, vcpu)).filter(
    ({ id }) => board.psci.isOn(id),
  );
  return on.map(({ id, core }) => `vCPU ${id} at pc ${hex(core.pc)}`).join(', ');
}
