/**
 * KVM's interrupt ABI on arm64 as a library, a VM of x86 with an IOAPIC, and one of RISC-V with an AIA: `irqloom/kvm`.
 *
 * @module irqloom/kvm
 */
export { msiOf } from './apic/message.ts';
export { VIRT_FRAMES } from './arch/frames.ts';
export type { DeviceId, EventId, Intid, Pin, VcpuId } from './arch/intid.ts';
export { AiaBoard, type AiaBoardConfig } from './board/aia-board.ts';
export { ApicBoard, type ApicBoardConfig } from './board/apic-board.ts';
export {
  attachVm,
  createInitialisedVm,
  createVm,
  createVms,
  type InitialisedVm,
} from './board/create-vm.ts';
export { GuestBus } from './board/guest-bus.ts';
export { ERRNO, type ErrnoName } from './kvm/errno.ts';
export { type Fd, type Gsi, IRQCHIP_PINS, MAX_IRQ_ROUTES } from './kvm/gsi.ts';
export {
  IOEVENTFD_DATAMATCH,
  IOEVENTFD_DEASSIGN,
  IOEVENTFD_PIO,
  type IoEventFd,
} from './kvm/ioeventfds.ts';
export { KvmError } from './kvm/kvm-error.ts';
export type { Msi } from './kvm/msi.ts';
export { MSI_VALID_DEVID, ROUTE_IRQCHIP, ROUTE_MSI, type Route } from './kvm/route.ts';
export type { ArchTimer } from './kvm/timer/arch-timer.ts';
export {
  IRQ_TYPE_CPU,
  IRQ_TYPE_PPI,
  IRQ_TYPE_SPI,
  type IrqLineName,
  packIrqLine,
  unpackIrqLine,
} from './kvm/vgic/irq-line.ts';
export { VGIC_ITS, VGIC_V2, VGIC_V3 } from './kvm/vgic/vgic-state.ts';
export { Vm } from './kvm/vm.ts';
export { CAPABILITIES, type CapabilityName, checkExtension } from './kvm-abi/capabilities.ts';
export { AIA_CONFIG, AIA_GROUPS } from './kvm-abi/devices/aia.ts';
export { ADDRESSES, type AttributeName, CONTROLS, GROUPS } from './kvm-abi/devices/attribute.ts';
export { packRegion } from './kvm-abi/devices/redistributors.ts';
export { VCPU_TIMER_CTRL } from './kvm-abi/devices/vcpu-timer.ts';
export { IRQFD_DEASSIGN, IRQFD_RESAMPLE, type IrqFd } from './kvm-abi/irqfd-args.ts';
export { KvmVm, type VmAttachment } from './kvm-abi/kvm-vm.ts';
export { DEFAULT_KVM_OPTIONS, type KvmOptions } from './kvm-abi/options.ts';
export { RISCV_AIA, RiscvKvmVm } from './kvm-abi/riscv-kvm-vm.ts';
export { type Routing, type RoutingEntry, toRoutes } from './kvm-abi/routing-entry.ts';
export { applyIoctl, type IoctlContext, type IoctlResult } from './kvm-abi/structs/apply.ts';
export {
  type DeviceAttr,
  decodeCreateDevice,
  decodeDeviceAttr,
  decodeIoEventFd,
  decodeIrqFd,
  decodeIrqLevel,
  decodeMsi,
  decodeRouting,
  encodeCreateDevice,
  encodeDeviceAttr,
  encodeIoEventFd,
  encodeIrqFd,
  encodeIrqLevel,
  encodeMsi,
  encodeRouting,
  type IrqLevel,
} from './kvm-abi/structs/codec.ts';
export { type ExplainedField, type Explanation, explainIoctl } from './kvm-abi/structs/explain.ts';
export { formatHex, parseHex } from './kvm-abi/structs/hex.ts';
export { findIoctl, IOCTLS, type Ioctl } from './kvm-abi/structs/ioctls.ts';
export type { CreateDevice, RegisterBus, VmBoard } from './kvm-abi/vm-board.ts';
export { X86KvmVm } from './kvm-abi/x86-kvm-vm.ts';
export {
  type Connection,
  DESIGN_NAMES,
  type Design,
  type DesignName,
  type DesignSource as Source,
  type NameKind,
  type UpdateCost,
  type Userland,
} from './vmm/design.ts';
export { DESIGNS } from './vmm/designs.ts';
export { GsiAllocator } from './vmm/gsi-allocator.ts';
export { memoryPerSource, type SourceMemory } from './vmm/memory.ts';
export { type PciFunction, VMM_POLICIES, type VmmPolicy } from './vmm/policies.ts';
export { RouteShadow } from './vmm/route-shadow.ts';
export { type Fate, type UpdateFates, type UpdateTrial, updateFates } from './vmm/update-fates.ts';
