import { FD_DEVICE } from '../../kvm/fds.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import { MOST_ITSES, VGIC_ITS, VGIC_NONE, VGIC_V2, VGIC_V3 } from '../../kvm/vgic/vgic-state.ts';
import type { KvmOptions } from '../options.ts';
import type { CreateDevice, VmBoard } from '../vm-board.ts';
import type { Device } from './attribute.ts';
import { itsDevice } from './its.ts';
import { vgicDevice } from './vgic.ts';

const CALL = 'KVM_CREATE_DEVICE';
/** KVM_CREATE_DEVICE_TEST: only ask whether there is such a type. */
const TEST = 1;

/** vCPUs that a GIC has room for. */
const MOST_VCPUS = { [VGIC_V2]: 8, [VGIC_V3]: 512 } as const;

/** Makes a device; its descriptor, or -1 for a mere test. @throws KvmError @see kvm_vgic_create, vgic_its_create */
export function createDevice(board: VmBoard, options: KvmOptions, { type, flags }: CreateDevice): number {
  if (type !== VGIC_V2 && type !== VGIC_V3 && type !== VGIC_ITS) {
    const types = `a GICv3 (${VGIC_V3}), an ITS (${VGIC_ITS}) or a GICv2 (${VGIC_V2})`;
    throw new KvmError(CALL, 'ENODEV', `a device here is ${types}, not type ${type}`);
  }
  if (type === VGIC_V2 && !options.gicV2) throw new KvmError(CALL, 'ENODEV', 'this host cannot run a GICv2');
  if ((flags & TEST) !== 0) return -1;
  const index = type === VGIC_ITS ? createIts(board) : createVgic(board, type);
  return board.fds.open(CALL, FD_DEVICE, (board.index << 16) | (type << 8) | index);
}

/** The device of a descriptor's payload. */
export function deviceOf(board: VmBoard, { physBits }: KvmOptions, payload: number): Device {
  const { vm, gic, gicV2, itses } = board;
  if (((payload >>> 8) & 0xff) !== VGIC_ITS) return vgicDevice({ vm, gic, gicV2, physBits });
  const index = payload & 0xff;
  const its = itses[index];
  if (!its) throw new KvmError(CALL, 'EBADF', `this VM has no ITS ${index}`);
  const { refusesUnknownControls } = gic.personality;
  return itsDevice({ vgic: vm.vgic, its, index, physBits, refusesUnknownControls });
}

function createVgic({ vm: { vgic } }: VmBoard, type: typeof VGIC_V2 | typeof VGIC_V3): number {
  if (vgic.model !== VGIC_NONE) throw new KvmError(CALL, 'EEXIST', 'this VM has an interrupt controller');
  if (vgic.createdVcpus !== vgic.onlineVcpus || vgic.runningVcpus > 0 || vgic.anyHasRun)
    throw new KvmError(
      CALL,
      'EBUSY',
      'a vCPU is being created, or has run: the interrupt controller comes before',
    );
  if (vgic.onlineVcpus > MOST_VCPUS[type]) {
    const most = `this GIC has room for ${MOST_VCPUS[type]} vCPUs`;
    throw new KvmError(CALL, 'E2BIG', `${most}, and the VM has ${vgic.onlineVcpus}`);
  }
  vgic.model = type;
  return 0;
}

function createIts({ vm: { vgic } }: VmBoard): number {
  if (vgic.itses >= MOST_ITSES) throw new KvmError(CALL, 'ENOMEM', `a VM has room for ${MOST_ITSES} ITSes`);
  return vgic.addIts();
}
