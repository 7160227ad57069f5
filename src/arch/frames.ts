/**
 * Sizes of the register frames, in bytes of guest-physical addresses. All frames start at multiples of {@link FRAME_BYTES}.
 * @see Arm IHI 0069, "The register map"
 */
export const FRAME_BYTES = 0x1_0000;

/** The distributor: one frame. */
export const GICD_BYTES = 0x1_0000;

/** Distance between redistributors: the RD frame, then the SGI frame. GICv3; see {@link gicrStride}. */
export const GICR_STRIDE = 2 * FRAME_BYTES;

/** Distance from the RD frame of a redistributor to its SGI frame. */
export const SGI_FRAME = 0x1_0000;

/** GICv4: the distance from the RD frame to the VLPI frame. A reserved frame follows. */
export const VLPI_FRAME = 2 * FRAME_BYTES;

/** Distance between redistributors of a board. @param vpes - vPEs that the board has room for; 0 or left out: a GICv3 */
export const gicrStride = (vpes = 0): number => (vpes > 0 ? 4 * FRAME_BYTES : GICR_STRIDE);

/** An ITS: the control frame, then the translation frame with the doorbell. */
export const GITS_BYTES = 2 * FRAME_BYTES;

/** GICv4.1: the distance from the control frame to the frame of GITS_SGIR. */
export const VSGI_FRAME = 2 * FRAME_BYTES;

/** Bytes of an ITS of a board. @param vpes - as of {@link gicrStride} */
export const gitsBytes = (vpes = 0): number => (vpes > 0 ? 3 * FRAME_BYTES : GITS_BYTES);

/** The frames of QEMU's `virt` machine; also of irqloom's machines, unless their configuration differs. */
export const VIRT_FRAMES = { gicd: 0x0800_0000, its: 0x0808_0000, gicr: 0x080a_0000 } as const;
