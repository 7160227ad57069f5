import type { DeviceId } from '../arch/intid.ts';

/** What implementations of an ITS may choose, or have to say about themselves. Data, so that there is one ITS. */
export type ItsPersonality = {
  readonly name: string;
  /** GITS_IIDR, with 0 for the revision of the table format. */
  readonly iidr: number;
  readonly typer: bigint;
  /** Bytes at 0xFFD0, 0xFFD4, … 0xFFFC: GITS_PIDR4 to 7, PIDR0 to 3, CIDR0 to 3. */
  readonly identification: readonly number[];
  /** GITS_BASERn at reset, beside type and entry size. */
  readonly baserReset: bigint;
  /** Whether memory attributes of GITS_BASERn and GITS_CBASER that it has no use for read back as others. */
  readonly sanitises: boolean;
  /** Whether GITS_BASERn.Page_Size can be written; else it is 64 KiB. */
  readonly pageSizeWritable: boolean;
  readonly indirectCollections: boolean;
  /** Of the command queue, in bytes: lower bits of its address read as zero. */
  readonly queueAlignment: 4096 | 65_536;
  /** Whether GITS_CTLR.Enabled stays 0 while GITS_CBASER, BASER0 or BASER1 is not valid. */
  readonly enableNeedsTables: boolean;
  readonly cbaserResetsCwriter: boolean;
  /** Whether a CWRITER past the end of the queue is kept, and nothing runs; else the write is ignored. */
  readonly keepsCwriterPastEnd: boolean;
  /** Whether GITS_CTLR.Quiescent tells if the queue is empty; else it is always 1. */
  readonly quiescentTellsQueue: boolean;
  readonly creadrWritable: boolean;
  /** What a command does that lies outside guest memory. A stalled ITS tries again at the next write of CWRITER. */
  readonly unreadableCommand: 'skip' | 'stall';
  /** The DeviceID of a vCPU's own write to GITS_TRANSLATER; undefined where such a write is ignored. */
  readonly vcpuDeviceId: DeviceId | undefined;
  /**
   * Whether MAPTI needs what it may use: memory behind the event's ITT entry, behind the LPI's byte of the configuration
   * table, and behind its bit of the target's pending table. Else an LPI without a configuration starts disabled.
   */
  readonly mappingNeedsTables: boolean;
  /** Whether saving leaves out a device whose entry cannot be reached any more; if not, saving fails. KVM does so since 2026. */
  readonly savesWhatItReaches: boolean;
  /** Whether another value of GITS_BASERn unmaps everything that was mapped under the old value. KVM does so since 2026. */
  readonly rewritingUnmaps: boolean;
  /** Whether the entry of a device or event that is unmapped is zeroed in guest memory. KVM does so since 6.13. */
  readonly zeroesEntries: boolean;
};

/** KVM's vgic, the default. @see vgic-its.c */
const kvm: ItsPersonality = {
  name: 'kvm',
  iidr: 0x4b00_043b,
  typer: 0x1_ef71n,
  identification: [0x40, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1],
  baserReset: 0x1800_0000_0000_0600n,
  sanitises: true,
  pageSizeWritable: false,
  indirectCollections: false,
  queueAlignment: 65_536,
  enableNeedsTables: true,
  cbaserResetsCwriter: true,
  keepsCwriterPastEnd: false,
  quiescentTellsQueue: true,
  creadrWritable: false,
  unreadableCommand: 'skip',
  vcpuDeviceId: undefined,
  mappingNeedsTables: true,
  savesWhatItReaches: true,
  rewritingUnmaps: true,
  zeroesEntries: true,
};

/** QEMU's emulated ITS on its `virt` machine: what recorded guests ran on. Commands mean what they mean in KVM. */
const qemuVirt: ItsPersonality = {
  name: 'qemu-virt',
  iidr: 0x43b,
  typer: 0x1f_0001_efb1n,
  identification: [0x44, 0, 0, 0, 0x94, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1],
  baserReset: 0x200n,
  sanitises: false,
  pageSizeWritable: true,
  indirectCollections: true,
  queueAlignment: 4096,
  enableNeedsTables: false,
  cbaserResetsCwriter: false,
  keepsCwriterPastEnd: true,
  quiescentTellsQueue: false,
  creadrWritable: true,
  unreadableCommand: 'stall',
  vcpuDeviceId: 0,
  mappingNeedsTables: false,
  savesWhatItReaches: true,
  rewritingUnmaps: false,
  zeroesEntries: true,
};

/** Kernels before the repairs of 2026. */
const kvm612: ItsPersonality = {
  ...kvm,
  name: 'kvm-6.12',
  savesWhatItReaches: false,
  rewritingUnmaps: false,
};
const kvm61: ItsPersonality = { ...kvm612, name: 'kvm-6.1' };

export const ITS_PERSONALITIES = {
  kvm,
  'qemu-virt': qemuVirt,
  'kvm-6.12': kvm612,
  'kvm-6.1': kvm61,
} as const satisfies Record<string, ItsPersonality>;
