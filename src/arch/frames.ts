/**
 * Sizes of the register frames, in bytes of guest-physical addresses. All frames start at multiples of {@link FRAME_BYTES}.
 * @see Arm IHI 0069, "The register map"
 */
export const FRAME_BYTES = 0x1_0000;

/** The distributor: one frame. */
export const GICD_BYTES = 0x1_0000;

/** From one redistributor to the next: the RD frame, then the SGI frame. GICv3; GICv4 has two frames more. */
export const GICR_STRIDE = 2 * FRAME_BYTES;

/** From the RD frame of a redistributor to its SGI frame. */
export const SGI_FRAME = 0x1_0000;

/** An ITS: the control frame, then the translation frame with the doorbell. */
export const GITS_BYTES = 2 * FRAME_BYTES;

/** Where QEMU's `virt` machine has its frames, and this project's machines too, unless their configuration has other places. */
export const VIRT_FRAMES = { gicd: 0x0800_0000, its: 0x0808_0000, gicr: 0x080a_0000 } as const;
