/**
 * Sizes of the register frames, in bytes of guest-physical addresses. All frames start at multiples of {@link FRAME_BYTES}.
 * @see Arm IHI 0069, "The register map"
 */
export const FRAME_BYTES = 0x1_0000;

/** The distributor: one frame. */
export const GICD_BYTES = 0x1_0000;

/** Distance between redistributors: the RD frame, then the SGI frame. GICv3; GICv4 has two more frames. */
export const GICR_STRIDE = 2 * FRAME_BYTES;

/** Distance from the RD frame of a redistributor to its SGI frame. */
export const SGI_FRAME = 0x1_0000;

/** An ITS: the control frame, then the translation frame with the doorbell. */
export const GITS_BYTES = 2 * FRAME_BYTES;

/** The frames of QEMU's `virt` machine; also of irqloom's machines, unless their configuration differs. */
export const VIRT_FRAMES = { gicd: 0x0800_0000, its: 0x0808_0000, gicr: 0x080a_0000 } as const;
