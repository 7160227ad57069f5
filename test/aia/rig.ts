import type { Aia } from '../../src/aia/aia.ts';
import * as theAia from '../../src/aia/aia.ts';
import { AIA_HART_BITS, AIA_SOURCES } from '../../src/aia/config.ts';
import { AiaBoard, type AiaBoardConfig } from '../../src/board/aia-board.ts';
import { KvmError } from '../../src/kvm/kvm-error.ts';
import type { AttributeName } from '../../src/kvm-abi/devices/attribute.ts';
import { Layout } from '../../src/memory/layout.ts';

// The judge's own numbers.
export const FIRST_PAGE = 0x2800_0000;
export const APLIC = 0x0d00_0000;

export const CONFIG: AiaBoardConfig = { vcpus: 2, eventfds: 8, threads: 3, dispatch: 'inline', ids: 255 };

export type Made = {
  readonly board: AiaBoard;
  readonly aia: Aia;
  /** KVM_SET_DEVICE_ATTR of the AIA. */
  readonly set: (group: number, attr: number | bigint, value?: number | bigint) => void;
  readonly get: (group: number, attr: number | bigint) => bigint;
};

/** A board whose AIA userland has created. */
export function createdAia(config: Partial<AiaBoardConfig> = {}): Made {
  const board = AiaBoard.create({ ...CONFIG, ...config });
  const device = board.kvm.createDevice({ type: 11, flags: 0 });
  const name = (group: number, attr: number | bigint): AttributeName => ({ group, attr: BigInt(attr) });
  return {
    board,
    aia: board.aia,
    set: (group, attr, value = 0) => device.set(name(group, attr), BigInt(value)),
    get: (group, attr) => device.get(name(group, attr), 0n),
  };
}

/** A board as QEMU makes one: a page for each vCPU in a row. */
export function madeAia(sources = 40, config: Partial<AiaBoardConfig> = {}): Made {
  const made = createdAia(config);
  const { vcpus } = made.board.config;
  made.set(0, 2, sources);
  made.set(0, 5, vcpus === 1 ? 0 : 32 - Math.clz32(vcpus - 1));
  if (sources > 0) made.set(1, 0, APLIC);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) made.set(1, 1 + vcpu, FIRST_PAGE + vcpu * 0x1000);
  made.set(2, 0);
  return made;
}

/** The controller alone; the real code, or the same with one line of it broken. */
export type AiaModule = Pick<typeof theAia, 'Aia' | 'aiaRegions'>;

export function bareAia(sources: number, vcpus: number, highest: number, module: AiaModule = theAia): Aia {
  const layout = new Layout(0, 0);
  const regions = module.aiaRegions(layout, vcpus);
  const aia = new module.Aia(new Int32Array(new SharedArrayBuffer(layout.words * 4)), regions);
  aia.reset(highest);
  aia.config.set(AIA_SOURCES, sources);
  aia.config.set(AIA_HART_BITS, vcpus === 1 ? 0 : 32 - Math.clz32(vcpus - 1));
  for (let vcpu = 0; vcpu < vcpus; vcpu++)
    aia.config.putFileAddress(vcpu, BigInt(FIRST_PAGE + vcpu * 0x1000));
  aia.config.initialise();
  return aia;
}

/** Programs a source: mode, target, enabled; and the domain on. */
export function program({ aplic }: Aia, source: number, mode: number, vcpu: number, identity: number): void {
  aplic.write(4 * source, mode);
  aplic.write(0x3000 + 4 * source, vcpu * 2 ** 18 + identity);
  aplic.write(0x1edc, source);
  aplic.write(0, 0x100);
}

/** Enables identities below 64 of a vCPU's file, and its delivery. */
export function enableFile({ files }: Aia, vcpu: number, ...identities: number[]): void {
  const bits = identities.reduce((all, identity) => all + (1n << BigInt(identity)), 0n);
  files[vcpu]?.access(0xc0, bits, bits);
  files[vcpu]?.access(0x70, 1n, 1n);
}

/** The errno that a call fails with; `0` if it does not. */
export function errnoOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof KvmError) return error.errno;
    throw error;
  }
  return '0';
}
