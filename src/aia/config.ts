import type { VcpuId } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { load, replace, store, type Words } from '../memory/word.ts';

/** Values of the configuration, in words from its start. An address takes two words, the low one first. */
export const AIA_IDS = 0;
export const AIA_SOURCES = 1;
export const AIA_GROUP_BITS = 2;
export const AIA_GROUP_SHIFT = 3;
export const AIA_HART_BITS = 4;
export const AIA_GUEST_BITS = 5;
const APLIC_ADDRESS = 6;
const CREATED = 8;
const INITIALISED = 9;
const CONFIG_WORDS = 10;

/** Words for each vCPU: the address of its file, and its hart index. */
const FILE_WORDS = 3;
const HART = 2;

/** An address that userland has not set. */
const UNSET = -1;
const PAGE_SHIFT = 12;
const PAGE = 1 << PAGE_SHIFT;
const FIRST_GROUP_SHIFT = 24;

/** Registers of a file's page: an MSI is a write of an identity, in either byte order. */
const SETEIPNUM_LE = 0x000;
const SETEIPNUM_BE = 0x004;

export type AiaConfigRegions = { readonly values: Region; readonly files: Region };

export function aiaConfigRegions(layout: Layout, vcpus: number): AiaConfigRegions {
  return layout.group('aia', { values: CONFIG_WORDS, files: vcpus * FILE_WORDS });
}

/** An MSI's address is in no vCPU's pages. */
export const NO_FILE = 0;
const LITTLE = 0;
const BIG = 1;
const NO_REGISTER = 2;
const KIND = 3;
const FILE_SHIFT = 2;

/** The vCPU whose page an MSI's address is in. */
export function fileOf(target: number): VcpuId {
  return (target >>> FILE_SHIFT) - 1;
}

/** Whether the MSI's data is in big-endian byte order. */
export function isSwapped(target: number): boolean {
  return (target & KIND) === BIG;
}

/** Whether the address is that of a register: a vCPU has one page with registers, that of guest 0. */
export function isRegister(target: number): boolean {
  return (target & KIND) !== NO_REGISTER;
}

/**
 * What userland sets of an AIA before it is initialised: sizes, and where the APLIC and the files lie. Written by one thread at a
 * time; nothing of it changes once the device is initialised.
 * @see arch/riscv/kvm/aia_device.c
 */
export class AiaConfig {
  readonly #words: Words;
  readonly #values: number;
  readonly #files: number;
  readonly vcpus: number;

  constructor(words: Words, regions: AiaConfigRegions) {
    this.#words = words;
    this.#values = regions.values.at;
    this.#files = regions.files.at;
    this.vcpus = regions.files.words / FILE_WORDS;
  }

  /** KVM's defaults. @param ids - the highest identity that the host offers */
  reset(ids: number): void {
    for (let word = 0; word < CONFIG_WORDS; word++) store(this.#words, this.#values + word, 0);
    this.set(AIA_IDS, ids);
    this.set(AIA_GROUP_SHIFT, FIRST_GROUP_SHIFT);
    for (let half = 0; half < 2; half++) store(this.#words, this.#values + APLIC_ADDRESS + half, UNSET);
    for (let vcpu: VcpuId = 0; vcpu < this.vcpus; vcpu++) {
      for (let half = 0; half < 2; half++) store(this.#words, this.#file(vcpu) + half, UNSET);
      store(this.#words, this.#file(vcpu) + HART, vcpu);
    }
  }

  /** @param value - one of the `AIA_` numbers */
  get(value: number): number {
    return load(this.#words, this.#values + value);
  }

  set(value: number, to: number): void {
    store(this.#words, this.#values + value, to);
  }

  /** The word that holds a value. */
  at(value: number): number {
    return this.#values + value;
  }

  /** Notes that userland has created the device; true for the call that did. */
  create(): boolean {
    return replace(this.#words, this.#values + CREATED, 0, 1);
  }

  get created(): boolean {
    return load(this.#words, this.#values + CREATED) !== 0;
  }

  get initialised(): boolean {
    return load(this.#words, this.#values + INITIALISED) !== 0;
  }

  get aplicAddress(): bigint {
    return this.#address(this.#values + APLIC_ADDRESS);
  }

  set aplicAddress(address: bigint) {
    this.#putAddress(this.#values + APLIC_ADDRESS, address);
  }

  fileAddress(vcpu: VcpuId): bigint {
    return this.#address(this.#file(vcpu));
  }

  putFileAddress(vcpu: VcpuId, address: bigint): void {
    this.#putAddress(this.#file(vcpu), address);
  }

  /**
   * Initialises the device where its values fit together: gives each vCPU its hart index.
   * @returns the reason why they do not; undefined when the device is initialised
   */
  initialise(): string | undefined {
    const [group, shift] = [BigInt(this.get(AIA_GROUP_BITS)), BigInt(this.get(AIA_GROUP_SHIFT))];
    const [hart, guest] = [BigInt(this.get(AIA_HART_BITS)), BigInt(this.get(AIA_GUEST_BITS))];
    const groups = ((1n << group) - 1n) << shift;
    const varying = groups | ((1n << (hart + guest + BigInt(PAGE_SHIFT))) - 1n);
    for (let vcpu: VcpuId = 0; vcpu < this.vcpus; vcpu++) {
      const address = this.fileAddress(vcpu);
      if (isUnset(address)) return `the interrupt file of vCPU ${vcpu} has no address`;
      if ((address & ~varying) !== (this.fileAddress(0) & ~varying))
        return `vCPUs 0 and ${vcpu}: the addresses of their files differ in bits that are neither group, hart nor guest`;
      const index =
        (((address & groups) >> shift) << hart) | ((address >> (guest + 12n)) & ((1n << hart) - 1n));
      store(this.#words, this.#file(vcpu) + HART, Number(index));
    }
    // Last: a thread that sees the flag finds the indexes.
    this.set(INITIALISED, 1);
    return undefined;
  }

  /** The first vCPU with a hart index, or -1. Any thread: no lock, no allocation. */
  vcpuOfHart(hart: number): VcpuId {
    for (let vcpu: VcpuId = 0; vcpu < this.vcpus; vcpu++)
      if (load(this.#words, this.#file(vcpu) + HART) === hart) return vcpu;
    return -1;
  }

  /** Where an MSI's address leads: {@link NO_FILE}, or a number of 24 bits that {@link fileOf} and its kin read. Allocates nothing. */
  targetOf(address: number): number {
    const register = address % PAGE;
    const page = Math.floor(address / PAGE);
    const guest = page % 2 ** this.get(AIA_GUEST_BITS);
    for (let vcpu: VcpuId = 0; vcpu < this.vcpus; vcpu++) {
      const at = this.#file(vcpu);
      const high = load(this.#words, at + 1) >>> 0;
      if (high * 2 ** (32 - PAGE_SHIFT) + (load(this.#words, at) >>> PAGE_SHIFT) !== page - guest) continue;
      const kind = register === SETEIPNUM_LE ? LITTLE : register === SETEIPNUM_BE ? BIG : NO_REGISTER;
      return ((vcpu + 1) << FILE_SHIFT) | (guest === 0 ? kind : NO_REGISTER);
    }
    return NO_FILE;
  }

  #file(vcpu: VcpuId): number {
    return this.#files + vcpu * FILE_WORDS;
  }

  #address(at: number): bigint {
    const half = (word: number) => BigInt(load(this.#words, word) >>> 0);
    return (half(at + 1) << 32n) | half(at);
  }

  #putAddress(at: number, address: bigint): void {
    store(this.#words, at, Number(BigInt.asIntN(32, address)));
    store(this.#words, at + 1, Number(BigInt.asIntN(32, address >> 32n)));
  }
}

/** Whether an address is the one of a device that userland has not placed. */
export function isUnset(address: bigint): boolean {
  return address === 0xffff_ffff_ffff_ffffn;
}
