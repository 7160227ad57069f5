import type { DeviceId } from '../arch/intid.ts';

/**
 * The choices that the architecture leaves to implementations, and their identification. As data: one ITS serves all.
 */
export type ItsPersonality = {
  readonly name: string;
  /** GITS_IIDR, with 0 for the revision of the table format. */
  readonly iidr: number;
  readonly typer: bigint;
  /** Bytes at 0xFFD0, 0xFFD4, … 0xFFFC: GITS_PIDR4 to 7, PIDR0 to 3, CIDR0 to 3. */
  readonly identification: readonly number[];
  /** GITS_BASERn at reset, beside type and entry size. */
  readonly baserReset: bigint;
  /** Whether memory attributes of GITS_BASERn and GITS_CBASER that the ITS does not support read back changed. */
  readonly sanitises: boolean;
  /** Whether GITS_BASERn.Page_Size can be written; else it is 64 KiB. */
  readonly pageSizeWritable: boolean;
  readonly indirectCollections: boolean;
  /** Alignment of the command queue in bytes: lower bits of its address read as zero. */
  readonly queueAlignment: 4096 | 65_536;
  /** Whether GITS_CTLR.Enabled stays 0 while GITS_CBASER, BASER0 or BASER1 is not valid. */
  readonly enableNeedsTables: boolean;
  readonly cbaserResetsCwriter: boolean;
  /** Whether the ITS keeps a CWRITER past the end of the queue, and runs nothing; else the write is ignored. */
  readonly keepsCwriterPastEnd: boolean;
  /** Whether GITS_CTLR.Quiescent reports an empty queue; else the bit is always 1. */
  readonly quiescentTellsQueue: boolean;
  readonly creadrWritable: boolean;
  /** For a command outside guest memory: skip it, or stall. A stalled ITS tries again at the next write of CWRITER. */
  readonly unreadableCommand: 'skip' | 'stall';
  /** The DeviceID of a vCPU's own write to GITS_TRANSLATER; undefined: the write is ignored. */
  readonly vcpuDeviceId: DeviceId | undefined;
  /**
   * Whether MAPTI requires guest memory behind the event's ITT entry, the LPI's byte of the configuration table, and
   * the LPI's bit of the target's pending table. Else an LPI without a configuration byte starts disabled.
   */
  readonly mappingNeedsTables: boolean;
  /** Whether MAPC checks RDbase also where it unmaps (V = 0), and then leaves the collection mapped. KVM before 6.7. */
  readonly unmappingChecksTarget: boolean;
  /** Whether saving leaves out a device whose entry is no longer reachable; else saving fails. In KVM since 2026, and in 6.12.117. */
  readonly savesWhatItReaches: boolean;
  /** Whether a new value of GITS_BASERn unmaps everything mapped under the old value. In KVM since 2026, and in 6.12.117. */
  readonly rewritingUnmaps: boolean;
  /** Whether unmapping a device or event zeroes its entry in guest memory. In KVM since 6.13. */
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
  unmappingChecksTarget: false,
  savesWhatItReaches: true,
  rewritingUnmaps: true,
  zeroesEntries: true,
};

/**
 * QEMU's emulated ITS on its `virt` machine, on which guests were recorded. Commands have the same meaning as in KVM.
 */
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
  unmappingChecksTarget: false,
  savesWhatItReaches: true,
  rewritingUnmaps: false,
  zeroesEntries: true,
};

/** Linux 6.12.117: the two fixes of 2026 are in its stable branch. */
const kvm612: ItsPersonality = { ...kvm, name: 'kvm-6.12' };
/** Without them. */
const kvm61: ItsPersonality = {
  ...kvm,
  name: 'kvm-6.1',
  unmappingChecksTarget: true,
  savesWhatItReaches: false,
  rewritingUnmaps: false,
};

export const ITS_PERSONALITIES = {
  kvm,
  'qemu-virt': qemuVirt,
  'kvm-6.12': kvm612,
  'kvm-6.1': kvm61,
} as const satisfies Record<string, ItsPersonality>;
