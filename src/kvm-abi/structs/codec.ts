import type { Fd } from '../../kvm/gsi.ts';
import type { IoEventFd } from '../../kvm/ioeventfds.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import type { Msi } from '../../kvm/msi.ts';
import { ROUTE_IRQCHIP } from '../../kvm/route.ts';
import type { IrqFd } from '../kvm-vm.ts';
import { checkRoutingHeader, type Routing, type RoutingEntry } from '../routing-entry.ts';
import type { CreateDevice } from '../vm-board.ts';
import {
  KVM_CREATE_DEVICE,
  KVM_DEVICE_ATTR,
  KVM_IOEVENTFD,
  KVM_IRQ_LEVEL,
  KVM_IRQ_ROUTING,
  KVM_IRQ_ROUTING_ENTRY,
  KVM_IRQFD,
  KVM_MSI,
} from './fields.ts';

/** A `kvm_irq_level`. */
export type IrqLevel = { readonly irq: number; readonly level: number };

/** A `kvm_device_attr`; `addr` is a pointer of userspace. */
export type DeviceAttr = {
  readonly flags: number;
  readonly group: number;
  readonly attr: bigint;
  readonly addr: bigint;
};

/**
 * The bytes of a struct as a view. KVM copies exactly as many as the struct has, so more are no matter to it.
 * @throws KvmError EFAULT where there are fewer
 */
function viewOf(call: string, bytes: Uint8Array, size: number, from = 0): DataView {
  if (bytes.length < from + size) {
    throw new KvmError(
      call,
      'EFAULT',
      `the argument has ${from + size} bytes, of which ${bytes.length} can be read`,
    );
  }
  return new DataView(bytes.buffer, bytes.byteOffset + from, size);
}

function fresh(size: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

const word = (view: DataView, at: number) => view.getUint32(at, true);
const put = (view: DataView, at: number, value: number) => view.setUint32(at, value >>> 0, true);

/** An address from its halves. Exact below 2^53; above, where no guest has anything, its lowest bits are rounded. */
const address = (view: DataView, at: number) => word(view, at + 4) * 2 ** 32 + word(view, at);
function putAddress(view: DataView, at: number, value: number): void {
  put(view, at, value % 2 ** 32);
  put(view, at + 4, Math.floor(value / 2 ** 32));
}

export function decodeIrqLevel(bytes: Uint8Array, call = 'KVM_IRQ_LINE'): IrqLevel {
  const view = viewOf(call, bytes, KVM_IRQ_LEVEL.bytes);
  return { irq: word(view, 0), level: word(view, 4) };
}

export function encodeIrqLevel({ irq, level }: IrqLevel): Uint8Array {
  const { bytes, view } = fresh(KVM_IRQ_LEVEL.bytes);
  put(view, 0, irq);
  put(view, 4, level);
  return bytes;
}

/**
 * The table as it stands in the bytes. The header is judged before the entries are read, as KVM does.
 * @throws KvmError EFAULT, EINVAL
 */
export function decodeRouting(bytes: Uint8Array): Routing {
  const call = 'KVM_SET_GSI_ROUTING';
  const header = viewOf(call, bytes, KVM_IRQ_ROUTING.bytes);
  const [nr, flags] = [word(header, 0), word(header, 4)];
  checkRoutingHeader(nr, flags);
  const size = KVM_IRQ_ROUTING_ENTRY.bytes;
  const view = viewOf(call, bytes, KVM_IRQ_ROUTING.bytes + nr * size);
  const at = (index: number) => KVM_IRQ_ROUTING.bytes + index * size;
  return { flags, entries: Array.from({ length: nr }, (_, index) => decodeEntry(view, at(index))) };
}

function decodeEntry(view: DataView, at: number): RoutingEntry {
  const [gsi, type, flags] = [word(view, at), word(view, at + 4), word(view, at + 8)];
  if (type === ROUTE_IRQCHIP)
    return { gsi, type, flags, irqchip: word(view, at + 16), pin: word(view, at + 20) };
  // Every other type is read as an MSI: KVM refuses it by its type, and EXTENDED_MSI has the same fields.
  return {
    gsi,
    type,
    flags,
    address: address(view, at + 16),
    data: word(view, at + 24),
    devid: word(view, at + 28),
  };
}

export function encodeRouting({ flags, entries }: Routing): Uint8Array {
  const size = KVM_IRQ_ROUTING_ENTRY.bytes;
  const { bytes, view } = fresh(KVM_IRQ_ROUTING.bytes + entries.length * size);
  put(view, 0, entries.length);
  put(view, 4, flags);
  for (const [index, entry] of entries.entries()) {
    const at = KVM_IRQ_ROUTING.bytes + index * size;
    put(view, at, entry.gsi);
    put(view, at + 4, entry.type);
    put(view, at + 8, entry.flags);
    if (entry.type === ROUTE_IRQCHIP) {
      put(view, at + 16, entry.irqchip ?? 0);
      put(view, at + 20, entry.pin ?? 0);
    } else {
      putAddress(view, at + 16, entry.address ?? 0);
      put(view, at + 24, entry.data ?? 0);
      put(view, at + 28, entry.devid ?? 0);
    }
  }
  return bytes;
}

/** @param withDevid - whether the design reads a DeviceID from the first word of the padding */
export function decodeIrqFd(bytes: Uint8Array, withDevid = false): IrqFd {
  const view = viewOf('KVM_IRQFD', bytes, KVM_IRQFD.bytes);
  const irqfd = { fd: word(view, 0), gsi: word(view, 4), flags: word(view, 8), resamplefd: word(view, 12) };
  return withDevid ? { ...irqfd, devid: word(view, 16) } : irqfd;
}

export function encodeIrqFd({ fd, gsi, flags, resamplefd, devid = 0 }: IrqFd): Uint8Array {
  const { bytes, view } = fresh(KVM_IRQFD.bytes);
  for (const [index, value] of [fd, gsi, flags, resamplefd, devid].entries()) put(view, 4 * index, value);
  return bytes;
}

export function decodeMsi(bytes: Uint8Array): Msi {
  const view = viewOf('KVM_SIGNAL_MSI', bytes, KVM_MSI.bytes);
  const [data, flags, deviceId] = [word(view, 8), word(view, 12), word(view, 16)];
  return { address: address(view, 0), data, flags, deviceId };
}

export function encodeMsi({ address: to, data, flags, deviceId }: Msi): Uint8Array {
  const { bytes, view } = fresh(KVM_MSI.bytes);
  putAddress(view, 0, to);
  put(view, 8, data);
  put(view, 12, flags);
  put(view, 16, deviceId);
  return bytes;
}

export function decodeIoEventFd(bytes: Uint8Array): IoEventFd {
  const view = viewOf('KVM_IOEVENTFD', bytes, KVM_IOEVENTFD.bytes);
  return {
    datamatch: view.getBigUint64(0, true),
    addr: view.getBigUint64(8, true),
    len: word(view, 16),
    fd: view.getInt32(20, true),
    flags: word(view, 24),
  };
}

export function encodeIoEventFd({ datamatch, addr, len, fd, flags }: IoEventFd): Uint8Array {
  const { bytes, view } = fresh(KVM_IOEVENTFD.bytes);
  view.setBigUint64(0, datamatch, true);
  view.setBigUint64(8, addr, true);
  put(view, 16, len);
  view.setInt32(20, fd, true);
  put(view, 24, flags);
  return bytes;
}

export function decodeCreateDevice(bytes: Uint8Array): CreateDevice {
  const view = viewOf('KVM_CREATE_DEVICE', bytes, KVM_CREATE_DEVICE.bytes);
  return { type: word(view, 0), flags: word(view, 8) };
}

/** @param fd - the descriptor that KVM has written; 0 before the call */
export function encodeCreateDevice({ type, flags }: CreateDevice, fd: Fd = 0): Uint8Array {
  const { bytes, view } = fresh(KVM_CREATE_DEVICE.bytes);
  put(view, 0, type);
  put(view, 4, fd);
  put(view, 8, flags);
  return bytes;
}

export function decodeDeviceAttr(bytes: Uint8Array, call = 'KVM_SET_DEVICE_ATTR'): DeviceAttr {
  const view = viewOf(call, bytes, KVM_DEVICE_ATTR.bytes);
  return {
    flags: word(view, 0),
    group: word(view, 4),
    attr: view.getBigUint64(8, true),
    addr: view.getBigUint64(16, true),
  };
}

export function encodeDeviceAttr({ flags, group, attr, addr }: DeviceAttr): Uint8Array {
  const { bytes, view } = fresh(KVM_DEVICE_ATTR.bytes);
  put(view, 0, flags);
  put(view, 4, group);
  view.setBigUint64(8, attr, true);
  view.setBigUint64(16, addr, true);
  return bytes;
}
