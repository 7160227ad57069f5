import type { VcpuId } from '../../arch/intid.ts';
import type { AccessBytes } from '../../board/guest-bus.ts';

/** Performs the accesses to a function's BAR. */
export type BarTarget = {
  read(offset: number, bytes: AccessBytes, vcpu: VcpuId): bigint;
  write(offset: number, bytes: AccessBytes, value: bigint, vcpu: VcpuId): void;
};
