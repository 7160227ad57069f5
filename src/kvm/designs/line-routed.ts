import { MAX_IRQ_ROUTES } from '../gsi.ts';
import { KvmError } from '../kvm-error.ts';
import { VGIC_NONE } from '../vgic-state.ts';
import type { Design } from './design.ts';
import { MERGED } from './merged.ts';

const CALL = 'KVM_IRQ_LINE';

/**
 * H: KVM_IRQ_LINE goes through the table too, as on x86. Its number is a GSI, so the packed form of arm64, whose type
 * field starts at bit 24, cannot be told from one that is too high; and PPIs, which no table has, cannot be driven.
 */
export const LINE_ROUTED: Design = {
  ...MERGED,
  name: 'line-routed',
  letter: 'H',
  title: 'KVM_IRQ_LINE goes through the table',
  status: 'discussed in 2015, not merged: it conflicts with the packed irq field',
  irqLine: ({ vgic }, injector, irq, level) => {
    if (vgic.model === VGIC_NONE) throw new KvmError(CALL, 'ENXIO', 'this VM has no interrupt controller');
    if (irq >= MAX_IRQ_ROUTES)
      throw new KvmError(
        CALL,
        'EINVAL',
        `irq is a GSI, 0 to ${MAX_IRQ_ROUTES - 1}, not 0x${irq.toString(16)}`,
      );
    if (!vgic.initialised) throw new KvmError(CALL, 'EBUSY', 'the vgic is not initialised');
    // No route, or a refusal, is nobody's error: as on x86.
    injector.setIrq(irq, level);
  },
  lineOfPin: (pin) => pin,
  capabilities: { KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 0 },
};
