/** KVM's interrupt ABI on arm64 as a library: `irqloom/kvm`. */
export { VIRT_FRAMES } from '../arch/frames.ts';
export { CAPABILITIES, type CapabilityName, checkExtension } from './capabilities.ts';
export {
  attachVm,
  createInitialisedVm,
  createVm,
  createVms,
  type InitialisedVm,
} from './create-vm.ts';
export {
  type Connection,
  DESIGN_NAMES,
  type Design,
  type DesignName,
  type NameKind,
  type Source,
  type UpdateCost,
  type Userland,
} from './designs/design.ts';
export { DESIGNS } from './designs/designs.ts';
export { memoryPerSource, type SourceMemory } from './designs/memory.ts';
export { type Fate, type UpdateFates, type UpdateTrial, updateFates } from './designs/update-fates.ts';
export { ADDRESSES, type AttributeName, CONTROLS, GROUPS } from './devices/attribute.ts';
export { packRegion } from './devices/redistributors.ts';
export { ERRNO, type ErrnoName } from './errno.ts';
export { type Fd, type Gsi, IRQCHIP_PINS, MAX_IRQ_ROUTES, type Pin } from './gsi.ts';
export { GuestBus } from './guest-bus.ts';
export {
  IOEVENTFD_DATAMATCH,
  IOEVENTFD_DEASSIGN,
  IOEVENTFD_PIO,
  type IoEventFd,
} from './ioeventfds.ts';
export {
  IRQ_TYPE_CPU,
  IRQ_TYPE_PPI,
  IRQ_TYPE_SPI,
  type IrqLineName,
  packIrqLine,
  unpackIrqLine,
} from './irq-line.ts';
export { KvmError } from './kvm-error.ts';
export {
  type CreateDevice,
  IRQFD_DEASSIGN,
  IRQFD_RESAMPLE,
  type IrqFd,
  KvmVm,
  type VmAttachment,
} from './kvm-vm.ts';
export type { Msi } from './msi.ts';
export { MSI_VALID_DEVID, ROUTE_IRQCHIP, ROUTE_MSI, type Route } from './route.ts';
export { type Routing, type RoutingEntry, toRoutes } from './routing-entry.ts';
export { applyIoctl, type IoctlContext, type IoctlResult } from './structs/apply.ts';
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
} from './structs/codec.ts';
export { type ExplainedField, type Explanation, explainIoctl } from './structs/explain.ts';
export { formatHex, parseHex } from './structs/hex.ts';
export { findIoctl, IOCTLS, type Ioctl } from './structs/ioctls.ts';
export { VGIC_ITS, VGIC_V2, VGIC_V3 } from './vgic-state.ts';
export { Vm } from './vm.ts';
export { DEFAULT_KVM_OPTIONS, type KvmOptions } from './vm-layout.ts';
export { GsiAllocator } from './vmm/gsi-allocator.ts';
export { type PciFunction, VMM_POLICIES, type VmmPolicy } from './vmm/policies.ts';
export { RouteShadow } from './vmm/route-shadow.ts';
