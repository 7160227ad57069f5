import { IrqError } from '../../base/irq-error.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { Kernel } from './program.ts';

const TREE_ALIGN = 8;
const PAGE = 4096;
/** Room for a device tree: the boot protocol allows at most 2 MiB. */
export const MOST_TREE_BYTES = 0x20_0000;

/** The largest offset in RAM at which QEMU's loader puts disk and tree. */
const FAR = 0x800_0000;

/** Guest-physical addresses of the parts of a boot. */
export type Placement = {
  readonly entry: number;
  readonly initrd?: { readonly address: number; readonly bytes: number };
  readonly tree: number;
};

/**
 * Places a kernel, its initial RAM disk and its device tree: the kernel at its own address, the disk on the next page, the tree after
 * the disk. A flat binary does not declare the size of its .bss and stacks, so disk and tree keep a distance from it: half of memory, at
 * most 128 MiB, after the base, if there is room.
 * @throws IrqError `ERR_GUEST_IMAGE` if a part does not fit; the message says how much memory would do
 */
export function plan(
  kernel: Kernel,
  initrd: Uint8Array | undefined,
  ram: { readonly base: number; readonly bytes: number },
): Placement {
  const from = kernel.kind === 'flat' ? farFrom(kernel.end, initrd?.length ?? 0, ram) : kernel.end;
  const initrdAt = roundUp(from, PAGE);
  const initrdEnd = initrd ? initrdAt + initrd.length : from;
  // The tree gets a block of 2 MiB of its own: early kernels map it by one block.
  const tree = initrd ? roundUp(initrdEnd, PAGE) : roundUp(from, TREE_ALIGN);
  const lowest = Math.min(...kernel.segments.map(({ address }) => address));
  if (lowest < ram.base) {
    throw new IrqError(
      'ERR_GUEST_IMAGE',
      `the kernel wants to lie at 0x${lowest.toString(16)}, below guest memory, which begins at 0x${ram.base.toString(16)}`,
    );
  }
  const end = tree + MOST_TREE_BYTES;
  if (end > ram.base + ram.bytes) {
    const mebibytes = Math.ceil((end - ram.base) / 2 ** 20);
    throw new IrqError(
      'ERR_GUEST_IMAGE',
      `the ${kernel.kind} and what goes with it need ${mebibytes} MiB, and the guest has ${ram.bytes / 2 ** 20}: give --memory ${mebibytes} or more`,
    );
  }
  return {
    entry: kernel.entry,
    tree,
    ...(initrd ? { initrd: { address: initrdAt, bytes: initrd.length } } : {}),
  };
}

/** The lowest address of disk and tree after a program that ends at `end` or later. */
function farFrom(end: number, disk: number, ram: { readonly base: number; readonly bytes: number }): number {
  const last = ram.base + ram.bytes - MOST_TREE_BYTES - roundUp(disk, PAGE);
  return Math.max(end, Math.min(ram.base + Math.min(ram.bytes / 2, FAR), last));
}

/** Copies kernel, disk and tree into guest memory. Call before any vCPU runs. */
export function place(
  memory: GuestMemory,
  placement: Placement,
  parts: { readonly kernel: Kernel; readonly initrd: Uint8Array | undefined; readonly tree: Uint8Array },
): void {
  for (const { address, bytes } of parts.kernel.segments) memory.write(address, bytes);
  if (parts.initrd && placement.initrd) memory.write(placement.initrd.address, parts.initrd);
  memory.write(placement.tree, parts.tree);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
