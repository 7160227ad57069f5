/** Bytes and where they go, guest-physical. */
export type Segment = { readonly address: number; readonly bytes: Uint8Array };

/** A program that is ready to be placed in guest memory. */
export type Kernel = {
  readonly kind: 'Image' | 'ELF' | 'flat';
  readonly segments: readonly Segment[];
  /** Where the first vCPU starts. */
  readonly entry: number;
  /** The first address that the program leaves alone, its .bss included. */
  readonly end: number;
};
