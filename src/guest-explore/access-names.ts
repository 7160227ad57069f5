import { GICD_BYTES, GICR_STRIDE, GITS_BYTES } from '../arch/frames.ts';
import { FIRST_LPI, FIRST_SPI, type Intid, SPURIOUS, type VcpuId } from '../arch/intid.ts';
import { gicd, gicr, gits } from '../arch/registers.ts';
import type { MachineConfig } from '../board/config.ts';
import { SYSTEM_REGISTERS } from '../gic/system-registers.ts';
import { GPIO, PCI_WINDOW, RINGER, RTC, UART } from '../platform/memory-map.ts';
import type { Access } from './outside.ts';

const SYSTEM_NAMES = new Map(SYSTEM_REGISTERS.map(({ encoding, name }) => [encoding, name]));

/** An access as text: `GITS_CWRITER := 0x60`, `ICC_IAR1_EL1 = LPI 8208`; `undefined` for the console, which does not explain a schedule. */
export function accessText(access: Access, config: MachineConfig): string | undefined {
  const { encoding, address, value, writes } = access;
  if (address !== undefined && address >= UART.base && address < UART.base + UART.bytes) return undefined;
  const name = encoding === undefined ? addressName(address ?? 0, config) : registerName(encoding);
  if (!writes && /IAR[01]_EL1$/.test(name)) return `${name} = ${intidText(Number(value))}`;
  if (/EOIR[01]_EL1$|DIR_EL1$/.test(name)) return `${name} := ${intidText(Number(value))}`;
  return `${name} ${writes ? ':=' : '='} 0x${value.toString(16)}`;
}

function intidText(intid: Intid): string {
  if (intid >= FIRST_LPI) return `LPI ${intid}`;
  if (intid >= SPURIOUS - 3 && intid <= SPURIOUS) return intid === SPURIOUS ? 'none' : `special ${intid}`;
  return `${intid >= FIRST_SPI ? 'SPI' : intid >= 16 ? 'PPI' : 'SGI'} ${intid}`;
}

function registerName(encoding: number): string {
  const field = (shift: number, bits: number) => (encoding >>> shift) & ((1 << bits) - 1);
  return (
    SYSTEM_NAMES.get(encoding) ??
    `S${field(14, 2)}_${field(11, 3)}_C${field(7, 4)}_C${field(3, 4)}_${field(0, 3)}`
  );
}

function addressName(address: number, config: MachineConfig): string {
  const within = (base: number, bytes: number) => address >= base && address < base + bytes;
  const { gicdBase, gicrBase, itsBase, vcpus } = config;
  if (within(gicdBase, GICD_BYTES)) return `GICD_${nameIn(gicd, address - gicdBase)}`;
  if (within(itsBase, GITS_BYTES)) return `GITS_${nameIn(gits, address - itsBase)}`;
  if (within(gicrBase, vcpus * GICR_STRIDE)) {
    const vcpu: VcpuId = Math.floor((address - gicrBase) / GICR_STRIDE);
    return `GICR${vcpu}_${nameIn(gicr, (address - gicrBase) % GICR_STRIDE)}`;
  }
  if (within(RINGER.base, RINGER.bytes)) return 'ringer';
  if (within(RTC.base, RTC.bytes)) return `PL031+0x${(address - RTC.base).toString(16)}`;
  if (within(GPIO.base, GPIO.bytes)) return `PL061+0x${(address - GPIO.base).toString(16)}`;
  return `${within(PCI_WINDOW.base, PCI_WINDOW.bytes) ? 'PCI ' : ''}0x${address.toString(16)}`;
}

/** The register, or array of registers, that begins at an offset or nearest below it. */
function nameIn(registers: Readonly<Record<string, number>>, offset: number): string {
  let [best, at] = ['', -1];
  for (const [name, from] of Object.entries(registers))
    if (from <= offset && from > at) [best, at] = [name, from];
  const index = (offset - at) >>> 2;
  return index === 0 ? best : `${best}+${4 * index}`;
}
