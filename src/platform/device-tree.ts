import type { Pin, VcpuId } from '../arch/intid.ts';
import { cells64, FdtWriter } from './fdt.ts';
import {
  ECAM,
  GPIO,
  HYP_TIMER_PPI,
  PCI_IO,
  PCI_WINDOW,
  PHYSICAL_TIMER_PPI,
  POWER_KEY_PIN,
  RTC,
  SECURE_TIMER_PPI,
  UART,
  VIRTUAL_TIMER_PPI,
} from './memory-map.ts';

/** The facts of a board in its device tree. Addresses are guest-physical. */
export type BoardShape = {
  readonly vcpus: number;
  /** MPIDR affinity of a vCPU: Aff3.Aff2.Aff1.Aff0 in bits 39:32, 23:0. */
  readonly affinityOf: (vcpu: VcpuId) => number;
  readonly gicdBase: number;
  readonly gicrBase: number;
  readonly gicrBytes: number;
  readonly itsBase: number;
  readonly ramBase: number;
  readonly ramBytes: number;
  /** Whether the board has a PCI host. */
  readonly pci: boolean;
  readonly bootArguments: string;
  /** The initial RAM disk, if any. */
  readonly initrd?: { readonly address: number; readonly bytes: number };
  /** Seed of the kernel's random number generator; absent: the guest gathers its own entropy. */
  readonly rngSeed?: Uint8Array;
};

const SPI = 0;
const PPI = 1;
const LEVEL_HIGH = 4;
/** Numbers by which nodes refer to each other. */
const PHANDLE = { gic: 1, its: 2, clock: 3, gpio: 4 } as const;
const UART_CLOCK_HZ = 24_000_000;
const KEY_POWER = 116;
/** Bytes of the two frames of an ITS. */
const ITS_BYTES = 0x2_0000;
/** Ranges of PCI: I/O ports; memory, non-relocatable, 32 bits. */
const PCI_PORTS = 0x0100_0000;
const PCI_MEMORY_32 = 0x0200_0000;

/** The board as a flattened device tree. @see Documentation/devicetree/bindings of Linux for the names */
export function boardTree(shape: BoardShape): Uint8Array {
  const tree = new FdtWriter();
  const region = (base: number, bytes: number) => [...cells64(base), ...cells64(bytes)];
  tree.node(
    '',
    {
      'interrupt-parent': [PHANDLE.gic],
      '#size-cells': [2],
      '#address-cells': [2],
      compatible: 'linux,dummy-virt',
      model: 'irqloom,board',
    },
    () => {
      tree.node('chosen', {
        'stdout-path': `/pl011@${UART.base.toString(16)}`,
        bootargs: shape.bootArguments,
        ...(shape.initrd
          ? {
              'linux,initrd-start': cells64(shape.initrd.address),
              'linux,initrd-end': cells64(shape.initrd.address + shape.initrd.bytes),
            }
          : {}),
        ...(shape.rngSeed ? { 'rng-seed': shape.rngSeed } : {}),
      });
      tree.node(`memory@${shape.ramBase.toString(16)}`, {
        device_type: 'memory',
        reg: region(shape.ramBase, shape.ramBytes),
      });
      tree.node('psci', { compatible: ['arm,psci-1.0', 'arm,psci-0.2'], method: 'hvc' });
      cpuNodes(tree, shape);
      tree.node('timer', {
        compatible: ['arm,armv8-timer'],
        'always-on': true,
        interrupts: [SECURE_TIMER_PPI, PHYSICAL_TIMER_PPI, VIRTUAL_TIMER_PPI, HYP_TIMER_PPI].flatMap(
          (ppi) => [PPI, ppi - 16, LEVEL_HIGH],
        ),
      });
      gicNode(tree, shape);
      peripheralNodes(tree);
      if (shape.pci) pciNode(tree);
    },
  );
  return tree.finish();
}

function cpuNodes(tree: FdtWriter, { vcpus, affinityOf }: BoardShape): void {
  tree.node('cpus', { '#size-cells': [0], '#address-cells': [1] }, () => {
    for (let vcpu: VcpuId = 0; vcpu < vcpus; vcpu++) {
      tree.node(`cpu@${affinityOf(vcpu).toString(16)}`, {
        device_type: 'cpu',
        compatible: 'arm,armv8',
        'enable-method': 'psci',
        reg: [affinityOf(vcpu)],
      });
    }
  });
}

function gicNode(tree: FdtWriter, shape: BoardShape): void {
  const { gicdBase, gicrBase, gicrBytes, itsBase } = shape;
  tree.node(
    `intc@${gicdBase.toString(16)}`,
    {
      phandle: [PHANDLE.gic],
      compatible: 'arm,gic-v3',
      '#interrupt-cells': [3],
      'interrupt-controller': true,
      '#address-cells': [2],
      '#size-cells': [2],
      ranges: true,
      '#redistributor-regions': [1],
      reg: [...cells64(gicdBase), ...cells64(0x1_0000), ...cells64(gicrBase), ...cells64(gicrBytes)],
    },
    () => {
      tree.node(`its@${itsBase.toString(16)}`, {
        phandle: [PHANDLE.its],
        compatible: 'arm,gic-v3-its',
        'msi-controller': true,
        '#msi-cells': [1],
        reg: [...cells64(itsBase), ...cells64(ITS_BYTES)],
      });
    },
  );
}

function peripheralNodes(tree: FdtWriter): void {
  const primecell = ({ base, bytes, pin }: { base: number; bytes: number; pin: Pin }) => ({
    reg: [...cells64(base), ...cells64(bytes)],
    interrupts: [SPI, pin, LEVEL_HIGH],
  });
  tree.node('apb-pclk', {
    phandle: [PHANDLE.clock],
    compatible: 'fixed-clock',
    '#clock-cells': [0],
    'clock-frequency': [UART_CLOCK_HZ],
    'clock-output-names': 'clk24mhz',
  });
  tree.node(`pl011@${UART.base.toString(16)}`, {
    compatible: ['arm,pl011', 'arm,primecell'],
    ...primecell(UART),
    clocks: [PHANDLE.clock, PHANDLE.clock],
    'clock-names': ['uartclk', 'apb_pclk'],
  });
  tree.node(`pl031@${RTC.base.toString(16)}`, {
    compatible: ['arm,pl031', 'arm,primecell'],
    ...primecell(RTC),
    clocks: [PHANDLE.clock],
    'clock-names': 'apb_pclk',
  });
  tree.node(`pl061@${GPIO.base.toString(16)}`, {
    phandle: [PHANDLE.gpio],
    compatible: ['arm,pl061', 'arm,primecell'],
    ...primecell(GPIO),
    '#gpio-cells': [2],
    'gpio-controller': true,
    clocks: [PHANDLE.clock],
    'clock-names': 'apb_pclk',
  });
  tree.node('gpio-keys', { compatible: 'gpio-keys' }, () => {
    tree.node('poweroff', {
      label: 'GPIO Key Poweroff',
      'linux,code': [KEY_POWER],
      gpios: [PHANDLE.gpio, POWER_KEY_PIN, 0],
    });
  });
}

function pciNode(tree: FdtWriter): void {
  tree.node(`pcie@${ECAM.base.toString(16)}`, {
    compatible: 'pci-host-ecam-generic',
    device_type: 'pci',
    'linux,pci-domain': [0],
    '#address-cells': [3],
    '#size-cells': [2],
    'bus-range': [0, ECAM.bytes / 0x10_0000 - 1],
    'dma-coherent': true,
    reg: [...cells64(ECAM.base), ...cells64(ECAM.bytes)],
    ranges: [
      PCI_PORTS,
      ...cells64(0),
      ...cells64(PCI_IO.base),
      ...cells64(PCI_IO.bytes),
      PCI_MEMORY_32,
      ...cells64(PCI_WINDOW.base),
      ...cells64(PCI_WINDOW.base),
      ...cells64(PCI_WINDOW.bytes),
    ],
    // DeviceID = requester ID: bus, device and function.
    'msi-map': [0, PHANDLE.its, 0, 0x1_0000],
    '#interrupt-cells': [1],
  });
}
