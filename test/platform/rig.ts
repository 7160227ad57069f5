import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { Layout } from '../../src/memory/layout.ts';
import { ECAM } from '../../src/platform/memory-map.ts';
import { Platform, type PlatformPlan, platformFds, platformRegions } from '../../src/platform/platform.ts';
import type { DeviceSpec } from '../../src/platform/virtio/kinds.ts';

export const RAM = 0x4000_0000;
const RAM_BYTES = 0x20_0000;

/** A platform with some devices, and a driver's way to it. Its seed is 1. */
export function makePlatform(devices: readonly DeviceSpec[], testDevice = false) {
  const plan: PlatformPlan = { devices, testDevice, firstFd: 0 };
  const layout = new Layout();
  platformRegions(layout, plan);
  const machine = Machine.create({
    ...DEFAULT_CONFIG,
    eventfds: Math.max(1, platformFds(plan)),
    scenarioWords: layout.words,
    memory: [{ base: RAM, bytes: RAM_BYTES }],
  });
  const regions = platformRegions(new Layout(machine.scenario.at), plan);
  const time = { seconds: 7 };
  const platform = new Platform(machine, regions, plan, { seconds: () => time.seconds });
  platform.reset(1_000_000, 1);
  // Level-triggered, as a device tree says of these wires: then a wire that falls is pending no more.
  for (let word = 2; word < 16; word++) machine.bus.write(machine.config.gicdBase + 0xc00 + 4 * word, 4, 0n);
  const read = (address: number, bytes: 1 | 2 | 4 | 8 = 4) => Number(platform.read(address, bytes, 0));
  const write = (address: number, value: number, bytes: 1 | 2 | 4 | 8 = 4) =>
    platform.write(address, bytes, BigInt(value), 0);
  /** Whether the wire of an SPI is up, as the interrupt controller sees it. */
  const isUp = (spi: number) => {
    const { gicdBase } = machine.config;
    const word = Number(machine.bus.read(gicdBase + 0x200 + 4 * Math.floor((32 + spi) / 32), 4));
    return ((word >>> (spi % 32)) & 1) === 1;
  };
  return { machine, platform, read, write, isUp, time };
}

export type Rig = ReturnType<typeof makePlatform>;

/** Configuration space of the function in a slot. */
export const configOf = (slot: number) => ECAM.base + (slot << 15);
