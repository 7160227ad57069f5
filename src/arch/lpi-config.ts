/**
 * The configuration byte of an LPI, in the table of GICR_PROPBASER: bit 0 enables, bits 7:2 are the priority.
 * @see Arm IHI 0069, "LPI Configuration tables"
 */
export const LPI_ENABLE = 1 << 0;
/** The implemented priority bits. @see LPI_PROP_PRIORITY in vgic-its.c */
export const LPI_PRIORITY = 0xfc;

/** The byte for a priority, 0 to 255 in steps of 4. */
export function lpiConfig(priority: number, enabled = true): number {
  return (priority & LPI_PRIORITY) | (enabled ? LPI_ENABLE : 0);
}
