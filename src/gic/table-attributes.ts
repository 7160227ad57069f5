/**
 * KVM's rule for the attributes in a table's base register. Outer Shareable becomes Inner Shareable; inner non-cacheable becomes
 * read-allocate write-back; outer cacheability becomes "same as inner" unless it is non-cacheable.
 * @see vgic_sanitise_field and its callers in vgic-mmio-v3.c
 */
const OUTER_SHAREABLE = 2n;
const INNER_SHAREABLE = 1n;
const NON_CACHEABLE = 1n;
const READ_ALLOCATE_WRITE_BACK = 3n;
const SAME_AS_INNER = 0n;

/** The lowest bit of each attribute field in a register. */
export type AttributeShifts = {
  readonly share: bigint;
  readonly inner: bigint;
  readonly outer: bigint;
};

/** The value of a register, with shareability (two bits), inner and outer cacheability (three bits each) as KVM stores them. */
export function sanitiseAttributes(value: bigint, { share, inner, outer }: AttributeShifts): bigint {
  const withShare = mapField(value, share, 3n, (field) =>
    field === OUTER_SHAREABLE ? INNER_SHAREABLE : field,
  );
  const withInner = mapField(withShare, inner, 7n, (field) =>
    field <= NON_CACHEABLE ? READ_ALLOCATE_WRITE_BACK : field,
  );
  return mapField(withInner, outer, 7n, (field) => (field <= NON_CACHEABLE ? field : SAME_AS_INNER));
}

function mapField(value: bigint, shift: bigint, mask: bigint, map: (field: bigint) => bigint): bigint {
  return (value & ~(mask << shift)) | (map((value >> shift) & mask) << shift);
}
