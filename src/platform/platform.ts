import type { DeviceId, Pin, VcpuId } from '../arch/intid.ts';
import type { AccessBytes } from '../board/guest-bus.ts';
import type { Machine } from '../board/machine.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import type { Route } from '../kvm/route.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { type Frame, FrameTable, wordFrame } from './bus.ts';
import { GPIO, RTC, UART } from './memory-map.ts';
import { PciFunction, pciFunctionRegion } from './pci/function.ts';
import { ecamFrame, pciWindowFrame } from './pci/host.ts';
import {
  MSIX_BAR_BYTES,
  MsiRouting,
  type MsiRoutingRegions,
  Msix,
  type MsixRegions,
  msiRoutingRegions,
  msixRegions,
} from './pci/msix.ts';
import { PciTestDevice, TEST_DEVICE, testDeviceRegion } from './pci/test-device.ts';
import { Pl011, type Pl011Regions, pl011Regions } from './pl011.ts';
import { Pl031, type Pl031Regions, pl031Regions } from './pl031.ts';
import { Pl061, type Pl061Regions, pl061Regions } from './pl061.ts';
import { VirtioDevice } from './virtio/device.ts';
import { type DeviceSpec, type ModelRegions, makeModel, modelQueues, modelRegions } from './virtio/kinds.ts';
import { type VirtioRegions, VirtioRegisters, virtioRegions } from './virtio/registers.ts';
import { VIRTIO_BAR_BYTES, VirtioTransport, virtioCapabilities } from './virtio/transport.ts';

/** The configuration that decides a platform's layout. Plain data. */
export type PlatformPlan = {
  /** The virtio devices, in the order of their PCI slots, from slot 1 on. At most 31 with the test device. */
  readonly devices: readonly DeviceSpec[];
  /** Whether a {@link PciTestDevice} follows the virtio devices. */
  readonly testDevice?: boolean;
  /** The first of the machine's eventfds that the devices' MSI-X vectors use. */
  readonly firstFd: Fd;
};

const HOST_BRIDGE = {
  vendor: 0x1b36,
  device: 0x0008,
  revision: 0,
  classCode: 0x060000,
  subsystem: 0x1100,
  bars: [],
  vendorCapabilities: [],
} as const;
const VIRTIO_VENDOR = 0x1af4;
const VIRTIO_MODERN = 0x1040;

type SlotRegions = {
  readonly config: Region;
  readonly msix: MsixRegions;
  readonly registers: VirtioRegions;
  readonly model: ModelRegions;
};

export type PlatformRegions = {
  readonly uart: Pl011Regions;
  readonly rtc: Pl031Regions;
  readonly gpio: Pl061Regions;
  readonly bridge: Region;
  readonly routing: MsiRoutingRegions;
  readonly slots: readonly SlotRegions[];
  readonly testDevice?: { readonly config: Region; readonly state: Region };
};

/** Vectors of a device: one for each queue, and one for configuration changes. */
const vectorsOf = (device: DeviceSpec) => modelQueues(device) + 1;

/** Eventfds that a platform needs. */
export function platformFds({ devices }: Pick<PlatformPlan, 'devices'>): number {
  return devices.reduce((sum, device) => sum + vectorsOf(device), 0);
}

export function platformRegions(layout: Layout, plan: PlatformPlan): PlatformRegions {
  return {
    uart: pl011Regions(layout),
    rtc: pl031Regions(layout),
    gpio: pl061Regions(layout),
    bridge: pciFunctionRegion(layout, 0),
    routing: msiRoutingRegions(layout, plan.firstFd + platformFds(plan)),
    slots: plan.devices.map((device, index) => ({
      config: pciFunctionRegion(layout, index + 1),
      msix: msixRegions(layout, index + 1, vectorsOf(device)),
      registers: virtioRegions(layout, index + 1, modelQueues(device)),
      model: modelRegions(layout, index + 1, device),
    })),
    ...(plan.testDevice
      ? {
          testDevice: {
            config: pciFunctionRegion(layout, plan.devices.length + 1),
            state: testDeviceRegion(layout),
          },
        }
      : {}),
  };
}

/** The parts of the board that a platform uses. */
export type PlatformParts = {
  /** Whole seconds of the guest's time since its start, for the RTC. */
  readonly seconds: () => number;
  /** Additional frames, if any. */
  readonly frames?: readonly Frame[];
};

/**
 * The devices around the vCPUs: console, clock, power key, and virtio devices on PCI. A view without state; each thread
 * makes its own.
 */
export class Platform {
  readonly uart: Pl011;
  readonly rtc: Pl031;
  readonly gpio: Pl061;
  /** By slot, from slot 1 on. */
  readonly devices: readonly VirtioDevice[];
  readonly #frames: FrameTable;
  readonly #functions: readonly PciFunction[];
  readonly #testDevice: PciTestDevice | undefined;

  constructor(machine: Machine, regions: PlatformRegions, plan: PlatformPlan, parts: PlatformParts) {
    const { words, vm, memory } = machine;
    const line = (pin: Pin) => (level: boolean) => vm.irqLine(vm.design.lineOfPin(pin), level);
    this.uart = new Pl011(words, regions.uart, line(UART.pin));
    this.rtc = new Pl031(words, regions.rtc, { seconds: parts.seconds, drive: line(RTC.pin) });
    this.gpio = new Pl061(words, regions.gpio, line(GPIO.pin));
    const wired = Array.from(
      { length: machine.config.spis },
      (_, pin): Route => ({ type: 'irqchip', gsi: pin, irqchip: 0, pin }),
    );
    const routing = new MsiRouting(words, regions.routing, vm, wired);
    const bridge = new PciFunction(words, regions.bridge, HOST_BRIDGE, { targets: [] });
    const devices: VirtioDevice[] = [];
    const functions = [bridge];
    let firstFd = plan.firstFd;
    for (const [index, spec] of plan.devices.entries()) {
      const slot = regions.slots[index];
      if (!slot) throw new RangeError(`device ${index} has no regions`);
      const vectors = vectorsOf(spec);
      const fd = firstFd;
      const registers = new VirtioRegisters(words, slot.registers);
      const model = makeModel(words, slot.model, spec, index);
      const deviceId: DeviceId = (index + 1) << 3;
      const firstGsi: Gsi = machine.config.spis + fd;
      const msix = new Msix(words, slot.msix, { deviceId, vectors, firstFd: fd, firstGsi }, routing);
      const identity = {
        vendor: VIRTIO_VENDOR,
        device: VIRTIO_MODERN + model.type,
        revision: 1,
        classCode: model.classCode,
        subsystem: VIRTIO_MODERN + model.type,
        bars: [{ bytes: VIRTIO_BAR_BYTES }, { bytes: MSIX_BAR_BYTES }],
        vendorCapabilities: virtioCapabilities(model.config.length),
      };
      const targets = [new VirtioTransport(registers, model, vectors), msix];
      functions.push(new PciFunction(words, slot.config, identity, { targets, msix }));
      devices.push(new VirtioDevice(memory, registers, model, (vector) => vm.irqfds.write(fd + vector)));
      firstFd += vectors;
    }
    if (regions.testDevice) {
      const { config, state } = regions.testDevice;
      this.#testDevice = new PciTestDevice(words, state);
      functions.push(new PciFunction(words, config, TEST_DEVICE, { targets: this.#testDevice.targets }));
    }
    this.devices = devices;
    this.#functions = functions;
    this.#frames = new FrameTable([
      wordFrame(this.uart),
      ...(parts.frames ?? []),
      pciWindowFrame('memory', functions),
      ecamFrame(functions),
      wordFrame(this.rtc),
      wordFrame(this.gpio),
      pciWindowFrame('io', functions),
    ]);
  }

  /**
   * Resets every device. Call before any thread runs.
   * @param now - the RTC's time, seconds since 1970 @param seed - of the entropy devices
   */
  reset(now: number, seed: number): void {
    this.uart.reset();
    this.rtc.reset(now);
    for (const pci of this.#functions) pci.reset();
    this.#testDevice?.reset();
    for (const [index, device] of this.devices.entries()) {
      device.registers.reset();
      device.model.seed?.(seed + index);
    }
  }

  /** A vCPU's read; `undefined` outside all frames. The thread of the vCPU. */
  read(address: number, bytes: AccessBytes, vcpu: VcpuId): bigint | undefined {
    return this.#frames.read(address, bytes, vcpu);
  }

  /** A vCPU's write; false outside all frames. The thread of the vCPU. */
  write(address: number, bytes: AccessBytes, value: bigint, vcpu: VcpuId): boolean {
    return this.#frames.write(address, bytes, value, vcpu);
  }
}
