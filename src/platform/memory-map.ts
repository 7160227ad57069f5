/**
 * Guest-physical addresses of the board's frames: those of QEMU's `virt` for devices that both have, so that a guest built for one runs
 * on the other. The machine's configuration has the GIC's frames.
 * @see hw/arm/virt.c, a15memmap
 */
export const UART = { base: 0x0900_0000, bytes: 0x1000, pin: 1 } as const;
export const RTC = { base: 0x0901_0000, bytes: 0x1000, pin: 2 } as const;
export const GPIO = { base: 0x0903_0000, bytes: 0x1000, pin: 7 } as const;
/** irqloom's own: the guest reports its handlers' and driver's actions to the proof. Only in a stress run. */
export const PROOF = { base: 0x0b00_0000, bytes: 0x1000 } as const;
/** irqloom's own: a device that sends the MSIs that a guest requests, with any DeviceID. Only in an exploration. */
export const RINGER = { base: 0x0b01_0000, bytes: 0x1000 } as const;
/** The window from which PCI functions get their memory BARs. */
export const PCI_WINDOW = { base: 0x1000_0000, bytes: 0x2eff_0000 } as const;
/** The window of I/O ports, from port 0 on. */
export const PCI_IO = { base: 0x3eff_0000, bytes: 0x1_0000 } as const;
/** Configuration space: 16 buses of 1 MiB. */
export const ECAM = { base: 0x3f00_0000, bytes: 0x0100_0000 } as const;
/** Where guest memory begins. */
export const RAM_BASE = 0x4000_0000;

/** The PPIs of the generic timer. */
export const SECURE_TIMER_PPI = 29;
export const PHYSICAL_TIMER_PPI = 30;
export const VIRTUAL_TIMER_PPI = 27;
export const HYP_TIMER_PPI = 26;

/** The pin of the power key on the GPIO controller. */
export const POWER_KEY_PIN = 3;
