import { type Field, KVM_IRQ_ROUTING, KVM_IRQ_ROUTING_ENTRY, ROUTING_UNIONS, type Struct } from './fields.ts';
import { findIoctl, type Ioctl } from './ioctls.ts';

/** One field of an argument, read from its bytes. */
export type ExplainedField = {
  /** As C names it: `entries[3].u.msi.data`. */
  readonly name: string;
  /** Bytes from the start of the argument. */
  readonly at: number;
  readonly bytes: number;
  /** Unsigned; of a run longer than 8 bytes, little endian all the same. */
  readonly value: bigint;
  readonly means: string;
};

export type Explanation = {
  readonly ioctl: Ioctl;
  readonly fields: readonly ExplainedField[];
  /** Oddities of the bytes: too few, too many, a value in a field that KVM does not read. */
  readonly notes: readonly string[];
};

/**
 * Decodes the bytes of an argument field by field, without checking them; {@link applyIoctl} checks.
 * @param key - name, or number as ioctl(2) takes it
 * @throws KvmError ENOTTY for an ioctl that is not one of these
 */
export function explainIoctl(key: string | number, bytes: Uint8Array): Explanation {
  const ioctl = findIoctl(key);
  if (!ioctl.struct) {
    return {
      ioctl,
      fields: [],
      notes: bytes.length === 0 ? [] : [`${ioctl.name} takes a value, not a pointer: the bytes mean nothing`],
    };
  }
  const placed = [...fieldsOf(ioctl.struct, bytes)];
  const whole = placed.filter(({ at, bytes: size }) => at + size <= bytes.length);
  const fields = whole.map((field) => explain(field, bytes));
  return { ioctl, fields, notes: notesOn(placed, fields, bytes.length) };
}

type PlacedField = Field & { readonly struct: Struct };

function* fieldsOf(struct: Struct, bytes: Uint8Array): Generator<PlacedField> {
  for (const field of struct.fields) yield { ...field, struct };
  if (struct !== KVM_IRQ_ROUTING || bytes.length < struct.bytes) return;
  const count = Number(valueAt(bytes, 0, 4));
  const size = KVM_IRQ_ROUTING_ENTRY.bytes;
  for (let index = 0; index < count && struct.bytes + index * size < bytes.length; index++) {
    const base = struct.bytes + index * size;
    const type = base + 8 <= bytes.length ? Number(valueAt(bytes, base + 4, 4)) : 0;
    for (const field of [...KVM_IRQ_ROUTING_ENTRY.fields, ...(ROUTING_UNIONS[type] ?? [])]) {
      yield { ...field, name: `entries[${index}].${field.name}`, at: base + field.at, struct };
    }
  }
}

function explain({ name, at, bytes: size, means, ignored }: PlacedField, bytes: Uint8Array): ExplainedField {
  const value = valueAt(bytes, at, size);
  return { name, at, bytes: size, value, means: ignored ? 'not read by KVM' : (means?.(value) ?? '') };
}

function notesOn(
  placed: readonly PlacedField[],
  fields: readonly ExplainedField[],
  length: number,
): string[] {
  const [first] = placed;
  const count = fields.find(({ name }) => name === 'nr')?.value ?? 0n;
  const entries = first?.struct === KVM_IRQ_ROUTING ? Number(count) * KVM_IRQ_ROUTING_ENTRY.bytes : 0;
  const wanted = (first?.struct.bytes ?? 0) + entries;
  const notes: string[] = [];
  if (length < wanted)
    notes.push(`too short: ${first?.struct.name} has ${wanted} bytes, and here are ${length}`);
  if (length > wanted) notes.push(`${length - wanted} bytes follow that KVM does not read`);
  const junk = placed.filter(
    ({ ignored, at }) => ignored && fields.some((field) => field.at === at && field.value !== 0n),
  );
  for (const { name } of junk) notes.push(`${name} is not zero; KVM does not look at it`);
  return notes;
}

function valueAt(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index] ?? 0);
  return value;
}
