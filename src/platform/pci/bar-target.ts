import type { AccessBytes } from '../../board/guest-bus.ts';

/** What lies behind a function's BAR. */
export type BarTarget = {
  read(offset: number, bytes: AccessBytes, vcpu: number): bigint;
  write(offset: number, bytes: AccessBytes, value: bigint, vcpu: number): void;
};
