/** KVM's interrupt ABI on arm64 as a library: `irqloom/kvm`. */
export { VIRT_FRAMES } from './arch/frames.ts';
export {
  attachVm,
  createInitialisedVm,
  createVm,
  createVms,
  type InitialisedVm,
} from './board/create-vm.ts';
export { GuestBus } from './board/guest-bus.ts';
export { CAPABILITIES, type CapabilityName, checkExtension } from './kvm/capabilities.ts';
export {
  type Connection,
  DESIGN_NAMES,
  type Design,
  type DesignName,
  type NameKind,
  type Source,
  type UpdateCost,
  type Userland,
} from './kvm/designs/design.ts';
export { DESIGNS } from './kvm/designs/designs.ts';
export { memoryPerSource, type SourceMemory } from './kvm/designs/memory.ts';
export { type Fate, type UpdateFates, type UpdateTrial, updateFates } from './kvm/designs/update-fates.ts';
export { ADDRESSES, type AttributeName, CONTROLS, GROUPS } from './kvm/devices/attribute.ts';
export { packRegion } from './kvm/devices/redistributors.ts';
export { ERRNO, type ErrnoName } from './kvm/errno.ts';
export { type Fd, type Gsi, IRQCHIP_PINS, MAX_IRQ_ROUTES, type Pin } from './kvm/gsi.ts';
export {
  IOEVENTFD_DATAMATCH,
  IOEVENTFD_DEASSIGN,
  IOEVENTFD_PIO,
  type IoEventFd,
} from './kvm/ioeventfds.ts';
export {
  IRQ_TYPE_CPU,
  IRQ_TYPE_PPI,
  IRQ_TYPE_SPI,
  type IrqLineName,
  packIrqLine,
  unpackIrqLine,
} from './kvm/irq-line.ts';
export { KvmError } from './kvm/kvm-error.ts';
export {
  type CreateDevice,
  IRQFD_DEASSIGN,
  IRQFD_RESAMPLE,
  type IrqFd,
  KvmVm,
  type VmAttachment,
} from './kvm/kvm-vm.ts';
export type { Msi } from './kvm/msi.ts';
export { DEFAULT_KVM_OPTIONS, type KvmOptions } from './kvm/options.ts';
export { MSI_VALID_DEVID, ROUTE_IRQCHIP, ROUTE_MSI, type Route } from './kvm/route.ts';
export { type Routing, type RoutingEntry, toRoutes } from './kvm/routing-entry.ts';
export { applyIoctl, type IoctlContext, type IoctlResult } from './kvm/structs/apply.ts';
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
} from './kvm/structs/codec.ts';
export { type ExplainedField, type Explanation, explainIoctl } from './kvm/structs/explain.ts';
export { formatHex, parseHex } from './kvm/structs/hex.ts';
export { findIoctl, IOCTLS, type Ioctl } from './kvm/structs/ioctls.ts';
export { VGIC_ITS, VGIC_V2, VGIC_V3 } from './kvm/vgic-state.ts';
export { Vm } from './kvm/vm.ts';
export { GsiAllocator } from './kvm/vmm/gsi-allocator.ts';
export { type PciFunction, VMM_POLICIES, type VmmPolicy } from './kvm/vmm/policies.ts';
export { RouteShadow } from './kvm/vmm/route-shadow.ts';
