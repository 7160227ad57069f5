import { MAX_IRQ_ROUTES } from '../gsi.ts';
import { KvmError } from '../kvm-error.ts';
import { VGIC_NONE } from '../vgic/vgic-state.ts';
import type { KernelDesign } from './kernel-design.ts';
import { MERGED } from './merged.ts';

const CALL = 'KVM_IRQ_LINE';

/** The kernel's half of the design `line-routed`. @see the table of designs in `vmm/designs.ts` */
export const LINE_ROUTED: KernelDesign = {
  ...MERGED,
  name: 'line-routed',
  irqLine: ({ vgic }, injector, irq, level) => {
    if (vgic.model === VGIC_NONE) throw new KvmError(CALL, 'ENXIO', 'this VM has no interrupt controller');
    if (irq >= MAX_IRQ_ROUTES)
      throw new KvmError(
        CALL,
        'EINVAL',
        `irq is a GSI, 0 to ${MAX_IRQ_ROUTES - 1}, not 0x${irq.toString(16)}`,
      );
    if (!vgic.initialised) throw new KvmError(CALL, 'EBUSY', 'the vgic is not initialised');
    // As on x86, a missing route or a refusal is no error of the caller.
    injector.setIrq(irq, level);
  },
  lineOfPin: (pin) => pin,
  capabilities: { KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 0 },
};
