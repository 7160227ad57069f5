/** Bytes and their guest-physical address. */
export type Segment = { readonly address: number; readonly bytes: Uint8Array };

/** A program that is ready to be placed in guest memory. */
export type Kernel = {
  readonly kind: 'Image' | 'ELF' | 'flat';
  readonly segments: readonly Segment[];
  /** Entry point of vCPU 0. */
  readonly entry: number;
  /** The end of the program, its .bss included. */
  readonly end: number;
};
