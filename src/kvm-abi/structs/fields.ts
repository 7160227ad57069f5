import { IRQ_TYPE_CPU, IRQ_TYPE_PPI, IRQ_TYPE_SPI, unpackIrqLine } from '../../kvm/vgic/irq-line.ts';

/** A field of a struct of the ABI; little endian. */
export type Field = {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly at: number;
  readonly bytes: number;
  /** KVM does not read the field: any value is accepted. */
  readonly ignored?: boolean;
  /** The meaning of a value, for fields that are more than a number. */
  readonly means?: (value: bigint) => string;
};

export type Struct = {
  readonly name: string;
  /** Bytes without a flexible array: the size in the ioctl's number. */
  readonly bytes: number;
  readonly fields: readonly Field[];
};

function flags(names: Readonly<Record<number, string>>): (value: bigint) => string {
  return (value) => {
    const known = Object.entries(names).filter(([bit]) => (value & BigInt(bit)) !== 0n);
    const rest = known.reduce((left, [bit]) => left & ~BigInt(bit), value);
    return [
      ...known.map(([, name]) => name),
      ...(rest === 0n ? [] : [`unknown 0x${rest.toString(16)}`]),
    ].join(' | ');
  };
}

function oneOf(names: Readonly<Record<number, string>>): (value: bigint) => string {
  return (value) => names[Number(value)] ?? 'unknown';
}

const LINE_TYPES = { [IRQ_TYPE_CPU]: 'CPU', [IRQ_TYPE_SPI]: 'SPI', [IRQ_TYPE_PPI]: 'PPI' } as const;

function lineMeans(value: bigint): string {
  const { type, vcpu, intid } = unpackIrqLine(Number(value));
  const kind = (LINE_TYPES as Readonly<Record<number, string>>)[type] ?? `type ${type}, which is none`;
  return `${kind}, vCPU ${vcpu}, INTID ${intid}`;
}

const DEVICE_TYPES = {
  5: 'KVM_DEV_TYPE_ARM_VGIC_V2',
  7: 'KVM_DEV_TYPE_ARM_VGIC_V3',
  8: 'KVM_DEV_TYPE_ARM_VGIC_ITS',
};
const GROUPS = {
  0: 'ADDR',
  1: 'DIST_REGS',
  2: 'CPU_REGS',
  3: 'NR_IRQS',
  4: 'CTRL',
  5: 'REDIST_REGS',
  6: 'CPU_SYSREGS',
  7: 'LEVEL_INFO',
  8: 'ITS_REGS',
};

export const KVM_IRQ_LEVEL: Struct = {
  name: 'kvm_irq_level',
  bytes: 8,
  fields: [
    { name: 'irq', at: 0, bytes: 4, means: lineMeans },
    { name: 'level', at: 4, bytes: 4, means: (value) => (value === 0n ? 'low' : 'high') },
  ],
};

export const KVM_IRQ_ROUTING: Struct = {
  name: 'kvm_irq_routing',
  bytes: 8,
  fields: [
    { name: 'nr', at: 0, bytes: 4 },
    { name: 'flags', at: 4, bytes: 4, means: flags({}) },
  ],
};

/** Of the union, those fields that the entry's type has: see {@link ROUTING_UNIONS}. */
export const KVM_IRQ_ROUTING_ENTRY: Struct = {
  name: 'kvm_irq_routing_entry',
  bytes: 48,
  fields: [
    { name: 'gsi', at: 0, bytes: 4 },
    {
      name: 'type',
      at: 4,
      bytes: 4,
      means: oneOf({ 1: 'IRQCHIP', 2: 'MSI', 3: 'S390_ADAPTER', 4: 'HV_SINT', 5: 'XEN_EVTCHN' }),
    },
    { name: 'flags', at: 8, bytes: 4, means: flags({ 1: 'KVM_MSI_VALID_DEVID' }) },
    { name: 'pad', at: 12, bytes: 4, ignored: true },
  ],
};

export const ROUTING_UNIONS: Readonly<Record<number, readonly Field[]>> = {
  1: [
    { name: 'u.irqchip.irqchip', at: 16, bytes: 4 },
    { name: 'u.irqchip.pin', at: 20, bytes: 4, means: (pin) => `INTID ${pin + 32n}` },
  ],
  2: [
    { name: 'u.msi.address_lo', at: 16, bytes: 4 },
    { name: 'u.msi.address_hi', at: 20, bytes: 4 },
    { name: 'u.msi.data', at: 24, bytes: 4, means: (data) => `EventID ${data}` },
    { name: 'u.msi.devid', at: 28, bytes: 4 },
  ],
};

export const KVM_IRQFD: Struct = {
  name: 'kvm_irqfd',
  bytes: 32,
  fields: [
    { name: 'fd', at: 0, bytes: 4 },
    { name: 'gsi', at: 4, bytes: 4 },
    { name: 'flags', at: 8, bytes: 4, means: flags({ 1: 'DEASSIGN', 2: 'RESAMPLE' }) },
    { name: 'resamplefd', at: 12, bytes: 4 },
    { name: 'pad', at: 16, bytes: 16, ignored: true },
  ],
};

export const KVM_MSI: Struct = {
  name: 'kvm_msi',
  bytes: 32,
  fields: [
    { name: 'address_lo', at: 0, bytes: 4 },
    { name: 'address_hi', at: 4, bytes: 4 },
    { name: 'data', at: 8, bytes: 4, means: (data) => `EventID ${data}` },
    { name: 'flags', at: 12, bytes: 4, means: flags({ 1: 'KVM_MSI_VALID_DEVID' }) },
    { name: 'devid', at: 16, bytes: 4 },
    { name: 'pad', at: 20, bytes: 12, ignored: true },
  ],
};

export const KVM_IOEVENTFD: Struct = {
  name: 'kvm_ioeventfd',
  bytes: 64,
  fields: [
    { name: 'datamatch', at: 0, bytes: 8 },
    { name: 'addr', at: 8, bytes: 8 },
    { name: 'len', at: 16, bytes: 4 },
    { name: 'fd', at: 20, bytes: 4 },
    {
      name: 'flags',
      at: 24,
      bytes: 4,
      means: flags({ 1: 'DATAMATCH', 2: 'PIO', 4: 'DEASSIGN', 8: 'VIRTIO_CCW' }),
    },
    { name: 'pad', at: 28, bytes: 36, ignored: true },
  ],
};

export const KVM_CREATE_DEVICE: Struct = {
  name: 'kvm_create_device',
  bytes: 12,
  fields: [
    { name: 'type', at: 0, bytes: 4, means: oneOf(DEVICE_TYPES) },
    { name: 'fd', at: 4, bytes: 4, means: () => 'written by KVM' },
    { name: 'flags', at: 8, bytes: 4, means: flags({ 1: 'KVM_CREATE_DEVICE_TEST' }) },
  ],
};

export const KVM_DEVICE_ATTR: Struct = {
  name: 'kvm_device_attr',
  bytes: 24,
  fields: [
    { name: 'flags', at: 0, bytes: 4, ignored: true },
    { name: 'group', at: 4, bytes: 4, means: oneOf(GROUPS) },
    { name: 'attr', at: 8, bytes: 8 },
    { name: 'addr', at: 16, bytes: 8, means: () => 'pointer to the value' },
  ],
};
