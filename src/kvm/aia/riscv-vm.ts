import type { Aia } from '../../aia/aia.ts';
import { AIA_SOURCES } from '../../aia/config.ts';
import type { Pin } from '../../arch/intid.ts';
import type { Layout } from '../../memory/layout.ts';
import type { Words } from '../../memory/word.ts';
import {
  GenericVm,
  type GenericVmParts,
  type GenericVmRegions,
  genericVmRegions,
  type VmSizes,
} from '../generic-vm.ts';
import type { ProcessRegions } from '../irqfd-record.ts';
import { KvmError } from '../kvm-error.ts';
import { pinRoutes, type Route } from '../route.ts';
import { AIA_PINS, AiaIrqchip, KVM_IRQCHIP_AIA } from './aia-irqchip.ts';

/** A table has a pin for each source that an APLIC can have. */
export function riscvVmRegions(
  layout: Layout,
  sizes: Omit<VmSizes, 'pins'>,
  process?: ProcessRegions,
): GenericVmRegions {
  return genericVmRegions(layout, { ...sizes, pins: AIA_PINS }, process);
}

export type RiscvVmParts = GenericVmParts & { readonly aia: Aia };

/**
 * A VM of RISC-V as userland sees it: KVM's calls for raising and routing interrupts, over an APLIC and interrupt files. One view
 * a thread; any thread may call. Refused calls throw {@link KvmError}.
 */
export class RiscvVm extends GenericVm<AiaIrqchip> {
  readonly aia: Aia;

  constructor(words: Words, regions: GenericVmRegions, parts: RiscvVmParts) {
    super(words, regions, new AiaIrqchip(parts.aia), parts);
    this.aia = parts.aia;
  }

  /** KVM_CREATE_DEVICE of an AIA. @throws KvmError EEXIST */
  createDevice(): void {
    if (this.aia.config.create()) return;
    throw new KvmError('KVM_CREATE_DEVICE', 'EEXIST', 'this VM has its interrupt controller already');
  }

  /**
   * KVM_DEV_RISCV_AIA_CTRL_INIT, once the values are checked that need no vCPU. As in KVM, the default table is in force also where a
   * vCPU's address is then refused: GSI n leads to source n, where there are sources.
   * @returns the reason why the addresses are refused; undefined when the device is initialised
   */
  initialise(): string | undefined {
    const sources = this.aia.config.get(AIA_SOURCES);
    if (sources > 0) this.replaceTable(pinRoutes(KVM_IRQCHIP_AIA, Math.min(sources + 1, this.routing.gsis)));
    const refused = this.aia.config.initialise();
    // A copy of an MSI's route from before names no file yet.
    if (refused === undefined) this.replaceTable(this.routing.entries());
    return refused;
  }

  /** @throws KvmError EINVAL before {@link createDevice} */
  override setGsiRouting(routes: readonly Route[]): void {
    if (!this.aia.config.created) throw this.irqchip.notReady('KVM_SET_GSI_ROUTING');
    super.setGsiRouting(routes);
  }

  /**
   * KVM_IRQ_LINE: drives the line of an APLIC's source, past the routing table.
   * @throws KvmError ENXIO before {@link createDevice}, EBUSY before the device is initialised, ENODEV for a source that is not there
   */
  irqLine(source: Pin, level: boolean): void {
    const refuse = (...[errno, rule]: [ConstructorParameters<typeof KvmError>[1], string]) =>
      new KvmError('KVM_IRQ_LINE', errno, rule);
    const { config } = this.aia;
    if (!config.created)
      throw refuse('ENXIO', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
    if (!config.initialised)
      throw refuse('EBUSY', 'the AIA is not initialised: KVM_DEV_RISCV_AIA_CTRL_INIT comes first');
    if (this.irqchip.drive(source, level, 0) >= 0) return;
    const sources = config.get(AIA_SOURCES);
    throw refuse(
      'ENODEV',
      sources === 0 ? 'the AIA has no sources' : `a source is 1 to ${sources}, not ${source}`,
    );
  }
}
